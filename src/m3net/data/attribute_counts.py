"""Statistics of each attribute in a split: images per class, labels per image, relevant images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m3net.base.protocol import Protocol
from m3net.data.records import Records, Role
from m3net.data.taxonomy import Taxonomy


@dataclass(frozen=True)
class AttributeCounts:
    """One attribute with K classes in one split; rankings leave out the query's product."""

    name: str
    classes: tuple[str, ...]
    """K names, in the order of their ids."""
    num_images: int
    """Images that are annotated for the attribute."""
    images_per_class: NDArray[np.int64]
    """(K,)"""
    labels_per_image: NDArray[np.int64]
    """(num_images,), number of classes that each annotated image carries."""
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
    others = others_with_class(records, taxonomy)
    product = records.product_of(np.arange(len(records)))
    counts = []
    for index, (attribute, part) in enumerate(zip(taxonomy, taxonomy.slices, strict=True)):
        is_query, in_gallery = (records.has_role(r)[:, index] for r in (Role.QUERY, Role.GALLERY))
        num_gallery = int(in_gallery.sum())
        found_among = num_gallery - np.bincount(product, weights=in_gallery)[product]
        of_attribute = (records.class_ids >= part.start) & (records.class_ids < part.stop)
        image, relevant = records.image_of_label[of_attribute], others[of_attribute]
        if protocol == "multi":
            asks = is_query[image]
            relevant, found_among = relevant[asks], found_among[image[asks]]
        else:
            relevant = np.bincount(image, weights=relevant, minlength=len(records))
            # An image that shares several classes with the query counts once.
            several = np.flatnonzero(is_query & (labels[:, index] > 1))
            relevant[several] = _count_sharing(records, several, part, in_gallery)
            relevant, found_among = relevant[is_query], found_among[is_query]
        annotated = records.annotated[:, index]
        counts.append(
            AttributeCounts(
                name=attribute.name,
                classes=attribute.classes,
                num_images=int(annotated.sum()),
                images_per_class=per_class[part],
                labels_per_image=labels[annotated, index],
                num_gallery=num_gallery,
                relevant=relevant.astype(np.int64),
                found_among=found_among.astype(np.int64),
            )
        )
    return counts


def others_with_class(records: Records, taxonomy: Taxonomy) -> NDArray[np.int64]:
    """Count, for each label, the gallery images of other products that carry its class.

    Returns:
        (total,) int64, in the order of `Records.class_ids`.
    """
    attribute = taxonomy.attribute_of_class[records.class_ids]
    image, num_classes = records.image_of_label, taxonomy.num_classes
    in_gallery = records.has_role(Role.GALLERY)[image, attribute]
    sizes = np.bincount(records.class_ids[in_gallery], minlength=num_classes)
    pairs = records.product_of(image) * num_classes + records.class_ids
    _, pair = np.unique(pairs, return_inverse=True)
    of_product = np.bincount(pair, weights=in_gallery).astype(np.int64)
    return sizes[records.class_ids] - of_product[pair]


def _count_sharing(
    records: Records, queries: NDArray[np.int64], part: slice, in_gallery: NDArray[np.bool_]
) -> list[int]:
    """Count for each query the gallery images of other products that share a class with it.

    Args:
        records: The images.
        queries: (Q,) int64, images.
        part: The class ids of the attribute.
        in_gallery: (N,) bool, whether each image is in the gallery.
    """
    labels_of = {
        query: tuple(c for c in records[query].class_ids if part.start <= c < part.stop)
        for query in queries.tolist()
    }
    carried = {c for labels in labels_of.values() for c in labels}
    listed = in_gallery[records.image_of_label]
    image, class_ids = records.image_of_label[listed], records.class_ids[listed]
    carriers = {c: {*image[class_ids == c].tolist()} for c in carried}
    # Many queries carry the same classes: the images that share one are collected once.
    sharing = {
        labels: set[int]().union(*(carriers[c] for c in labels)) for labels in {*labels_of.values()}
    }
    images_of: dict[int, list[int]] = {}
    for other, product in enumerate(records.product_of(np.arange(len(records))).tolist()):
        images_of.setdefault(product, []).append(other)
    return [
        len(sharing[labels]) - sum(i in sharing[labels] for i in images_of[product])
        for labels, product in zip(
            labels_of.values(), records.product_of(queries).tolist(), strict=True
        )
    ]
