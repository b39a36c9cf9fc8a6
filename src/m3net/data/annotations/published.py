"""Counts of the published index files: a copy that differs is not the benchmark."""

from dataclasses import dataclass

import numpy as np

from m3net.data.annotations.findings import Findings
from m3net.data.records import Records, Role
from m3net.data.taxonomy import Taxonomy
from m3net.errors import AnnotationError


@dataclass(frozen=True)
class Counts:
    """What a split of the published files holds; None where it was not published.

    Attributes:
        images: Number of images.
        queries: Images that ask, for each attribute.
        candidates: Images that can be found, for each attribute.
        labels: (image, class) pairs, for each attribute.
    """

    images: int | None = None
    queries: tuple[int, ...] | None = None
    candidates: tuple[int, ...] | None = None
    labels: tuple[int, ...] | None = None


def check_counts(
    name: str, expected: Counts, records: Records, taxonomy: Taxonomy, findings: Findings
) -> None:
    """Name each difference between a split and the published one, with both numbers.

    Args:
        name: Of the split, as "FashionAI test".
        expected: Counts of the published files.
        records: What was read.
        taxonomy: Attributes and classes.
        findings: Takes the differences.
    """
    pairs = taxonomy.attribute_of_class[records.class_ids]
    found: dict[str, list[int]] = {
        "queries": np.count_nonzero(records.roles & Role.QUERY, axis=0).tolist(),
        "candidates": np.count_nonzero(records.roles & Role.GALLERY, axis=0).tolist(),
        "labels": np.bincount(pairs, minlength=len(taxonomy)).tolist(),
    }
    if expected.images is not None and len(records) != expected.images:
        findings.problem(_difference(name, len(records), expected.images, "images"))
    for what, numbers in found.items():
        wanted: tuple[int, ...] | None = getattr(expected, what)
        if wanted is None:
            continue
        for attribute, own, published in zip(taxonomy.names, numbers, wanted, strict=True):
            if own != published:
                kind = f"{what} of {attribute}"
                findings.problem(_difference(name, own, published, kind))


def _difference(name: str, found: int, published: int, what: str) -> AnnotationError:
    return AnnotationError(
        f"{name}: {found:,} {what}, but the published files have {published:,}. Fetch the index "
        "files anew, or set --data.published=false if these are files of your own."
    )
