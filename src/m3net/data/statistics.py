"""What a split holds of each attribute: images per class, labels per image, what can be found."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m3net.base.protocol import Protocol
from m3net.data.records import Records, Role
from m3net.data.taxonomy import Taxonomy


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
        relevant: (Q,) int64, R: relevant gallery images of each query, without itself or its
            product, as its ranking.
        found_among: (Q,) int64, G: gallery images of each query, likewise.
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
    """Give for each query R, and the number of gallery images that its ranking leaves out."""
    group = records.groups(np.arange(len(records)))
    image = np.repeat(np.arange(len(records)), np.diff(records.offsets))
    own = (records.class_ids >= part.start) & (records.class_ids < part.stop)
    image, label = image[own], records.class_ids[own] - part.start
    asks, listed = ((roles & role) > 0 for role in (Role.QUERY, Role.GALLERY))
    left_out = np.bincount(group, weights=listed).astype(np.int64)[group]
    num_classes = part.stop - part.start
    if protocol == "multi":
        sizes = np.bincount(label[listed[image]], minlength=num_classes)
        _, carried = np.unique(group[image] * num_classes + label, return_inverse=True)
        among = np.bincount(carried, weights=listed[image]).astype(np.int64)[carried]
        asking = asks[image]
        return (sizes[label] - among)[asking], left_out[image[asking]]
    classes_of: list[tuple[int, ...]] = [()] * len(records)
    for place, one in zip(image.tolist(), label.tolist(), strict=True):
        classes_of[place] = (*classes_of[place], one)
    carriers = [set(image[(label == one) & listed[image]].tolist()) for one in range(num_classes)]
    return _sharing(np.flatnonzero(asks), classes_of, carriers, group), left_out[asks]


def _sharing(
    queries: NDArray[np.int64],
    classes_of: Sequence[tuple[int, ...]],
    carriers: Sequence[set[int]],
    group: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Count for each query the gallery images of other groups that share a class with it.

    Args:
        queries: (Q,) int64, images.
        classes_of: For each image the classes that it carries.
        carriers: For each class the gallery images that carry it.
        group: (N,) int64, equal for images that are left out of each other's ranking.
    """
    # Many images carry the same classes: what shares one with them is collected once.
    sharing = {
        classes: set[int]().union(*(carriers[one] for one in classes))
        for classes in {classes_of[query] for query in queries.tolist()}
    }
    of_group: dict[int, list[int]] = {}
    for image, own in enumerate(group.tolist()):
        of_group.setdefault(own, []).append(image)
    counts = []
    for query, own in zip(queries.tolist(), group[queries].tolist(), strict=True):
        shared = sharing[classes_of[query]]
        counts.append(len(shared) - sum(image in shared for image in of_group[own]))
    return np.array(counts, dtype=np.int64)
