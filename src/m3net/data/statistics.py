"""What a split holds of each attribute: images per class, labels per image, what can be found."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m3net.data.records import Records, Role
from m3net.data.taxonomy import Taxonomy
from m3net.protocol import Protocol


@dataclass(frozen=True)
class AttributeCounts:
    """One attribute with K classes in one split.

    Attributes:
        name: Of the attribute.
        classes: K names, in the order of their ids.
        num_images: Images that are annotated for it.
        images_per_class: (K,) int64, how many images carry each class.
        labels_per_image: (num_images,) int64, how many classes each annotated image carries.
        num_queries: Q, what asks: images, or labels under protocol "multi".
        num_gallery: Images that can be found.
        relevant: (Q,) int64, R: relevant gallery images of each query, itself left out.
        found_among: (Q,) int64, G: gallery images of each query, itself left out.
    """

    name: str
    classes: tuple[str, ...]
    num_images: int
    images_per_class: NDArray[np.int64]
    labels_per_image: NDArray[np.int64]
    num_gallery: int
    relevant: NDArray[np.int64]
    found_among: NDArray[np.int64]

    @property
    def num_queries(self) -> int:
        """Number of queries Q."""
        return len(self.relevant)


def count_attributes(
    records: Records, taxonomy: Taxonomy, protocol: Protocol
) -> list[AttributeCounts]:
    """Count each attribute of a split.

    Args:
        records: The images.
        taxonomy: Attributes and classes.
        protocol: What a query is.
    """
    labels = records.labels_per_attribute(taxonomy.attribute_of_class)
    per_class = records.images_per_class()
    counts = []
    for attribute, (about, part) in enumerate(zip(taxonomy, taxonomy.slices, strict=True)):
        annotated = records.annotated[:, attribute]
        roles = records.roles[:, attribute]
        listed = (roles & Role.GALLERY) > 0
        relevant, itself = _relevant(records, part, roles, protocol)
        counts.append(
            AttributeCounts(
                name=about.name,
                classes=about.classes,
                num_images=int(annotated.sum()),
                images_per_class=per_class[part],
                labels_per_image=labels[annotated, attribute],
                num_gallery=int(listed.sum()),
                relevant=relevant,
                found_among=listed.sum() - itself,
            )
        )
    return counts


def _relevant(
    records: Records, part: slice, roles: NDArray[np.uint8], protocol: Protocol
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give for each query R, and 1 where the query's own image is in the gallery."""
    image = np.repeat(np.arange(len(records)), np.diff(records.offsets))
    own = (records.class_ids >= part.start) & (records.class_ids < part.stop)
    image, label = image[own], records.class_ids[own] - part.start
    asks, listed = ((roles & role) > 0 for role in (Role.QUERY, Role.GALLERY))
    sizes = np.bincount(label[listed[image]], minlength=part.stop - part.start)
    if protocol == "multi":
        asking = asks[image]
        itself = listed[image[asking]].astype(np.int64)
        return sizes[label[asking]] - itself, itself
    classes_of: dict[int, tuple[int, ...]] = dict.fromkeys(np.flatnonzero(asks).tolist(), ())
    for place, one in zip(image.tolist(), label.tolist(), strict=True):
        if place in classes_of:
            classes_of[place] = (*classes_of[place], one)
    carriers = [set(image[(label == one) & listed[image]].tolist()) for one in range(len(sizes))]
    # Many images carry the same classes: what shares one with them is counted once.
    sharing = {
        classes: len(set[int]().union(*(carriers[one] for one in classes)))
        for classes in set(classes_of.values())
    }
    itself = listed[asks].astype(np.int64)
    shared = np.array([sharing[classes] for classes in classes_of.values()], dtype=np.int64)
    return shared - itself * (shared > 0), itself
