"""Statistics of each attribute in a split: images per class, labels per image, relevant images."""

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

    A ranking leaves out the query and the other images of its product.
    """

    name: str
    classes: tuple[str, ...]
    """K names, in the order of their ids."""
    num_images: int
    """Images that are annotated for the attribute."""
    images_per_class: NDArray[np.int64]
    """(K,)"""
    labels_per_image: NDArray[np.int64]
    """(num_images,), how many classes each annotated image carries."""
    num_gallery: int
    """Gallery images."""
    relevant: NDArray[np.int64]
    """(Q,), R: relevant images in the ranking of each query. Queries are images, or labels under
    protocol "multi"."""
    found_among: NDArray[np.int64]
    """(Q,), G: images in the ranking of each query."""

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
    for index, (attribute, part) in enumerate(zip(taxonomy, taxonomy.slices, strict=True)):
        annotated = records.annotated[:, index]
        roles = records.roles[:, index]
        num_gallery = int(((roles & Role.GALLERY) > 0).sum())
        relevant, left_out = _count_relevant(records, part, roles, protocol)
        counts.append(
            AttributeCounts(
                name=attribute.name,
                classes=attribute.classes,
                num_images=int(annotated.sum()),
                images_per_class=per_class[part],
                labels_per_image=labels[annotated, index],
                num_gallery=num_gallery,
                relevant=relevant,
                found_among=num_gallery - left_out,
            )
        )
    return counts


def _count_relevant(
    records: Records, part: slice, roles: NDArray[np.uint8], protocol: Protocol
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each query R, and the number of gallery images that its ranking leaves out."""
    product = records.product_of(np.arange(len(records)))
    image = np.repeat(np.arange(len(records)), np.diff(records.offsets))
    of_attribute = (records.class_ids >= part.start) & (records.class_ids < part.stop)
    image, label = image[of_attribute], records.class_ids[of_attribute] - part.start
    is_query, in_gallery = ((roles & role) > 0 for role in (Role.QUERY, Role.GALLERY))
    left_out = np.bincount(product, weights=in_gallery).astype(np.int64)[product]
    num_classes = part.stop - part.start
    if protocol == "multi":
        sizes = np.bincount(label[in_gallery[image]], minlength=num_classes)
        _, pair = np.unique(product[image] * num_classes + label, return_inverse=True)
        of_product = np.bincount(pair, weights=in_gallery[image]).astype(np.int64)[pair]
        asks = is_query[image]
        return (sizes[label] - of_product)[asks], left_out[image[asks]]
    labels_of: list[tuple[int, ...]] = [()] * len(records)
    for carrier, carried in zip(image.tolist(), label.tolist(), strict=True):
        labels_of[carrier] = (*labels_of[carrier], carried)
    carriers = [set(image[(label == k) & in_gallery[image]].tolist()) for k in range(num_classes)]
    return _count_sharing(np.flatnonzero(is_query), labels_of, carriers, product), left_out[
        is_query
    ]


def _count_sharing(
    queries: NDArray[np.int64],
    labels_of: Sequence[tuple[int, ...]],
    carriers: Sequence[set[int]],
    product: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Count for each query the gallery images of other products that share a class with it.

    Args:
        queries: (Q,) int64, images.
        labels_of: For each image the classes that it carries.
        carriers: For each class the gallery images that carry it.
        product: (N,) int64, the product of each image.
    """
    # Many images carry the same classes: images that share one with them are collected once.
    sharing = {
        labels: set[int]().union(*(carriers[label] for label in labels))
        for labels in {labels_of[query] for query in queries.tolist()}
    }
    images_of: dict[int, list[int]] = {}
    for image, shown in enumerate(product.tolist()):
        images_of.setdefault(shown, []).append(image)
    counts = []
    for query, shown in zip(queries.tolist(), product[queries].tolist(), strict=True):
        shared = sharing[labels_of[query]]
        counts.append(len(shared) - sum(image in shared for image in images_of[shown]))
    return np.array(counts, dtype=np.int64)
