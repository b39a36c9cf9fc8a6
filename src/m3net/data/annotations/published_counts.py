"""Check the counts of the published index files: a copy that differs is not the benchmark."""

from dataclasses import dataclass

import numpy as np

from m3net.data.annotations.findings import Findings
from m3net.data.records import Records, Role
from m3net.data.taxonomy import Taxonomy
from m3net.errors import AnnotationError

UNPUBLISHED = "or set data.published=false if these are files of your own"


@dataclass(frozen=True)
class Counts:
    """Published counts of a split; None where a count was not published."""

    images: int | None = None
    queries: tuple[int, ...] | None = None
    """Queries of each attribute."""
    gallery: tuple[int, ...] | None = None
    """Gallery images of each attribute."""
    labels: tuple[int, ...] | None = None
    """Labels of each attribute: (image, class) pairs."""


def check_counts(
    name: str, published: Counts, records: Records, taxonomy: Taxonomy, findings: Findings
) -> None:
    """Report each difference between a split and the published one.

    Args:
        name: Data set and split, such as "FashionAI test".
        published: Counts of the published files.
        records: The split as read.
        taxonomy: Attributes and classes.
        findings: Collects the differences.
    """
    attributes = taxonomy.attribute_of_class[records.class_ids]
    queries = records.has_role(Role.QUERY).sum(axis=0)
    gallery = records.has_role(Role.GALLERY).sum(axis=0)
    labels = np.bincount(attributes, minlength=len(taxonomy))
    numbers = [] if published.images is None else [("images", len(records), published.images)]
    for kind, counts, expected in (
        ("queries", queries, published.queries),
        ("gallery images", gallery, published.gallery),
        ("labels", labels, published.labels),
    ):
        if expected is not None:
            kinds = [f"{kind} of {attribute}" for attribute in taxonomy.names]
            numbers += zip(kinds, counts.tolist(), expected, strict=True)
    for kind, count, number in numbers:
        if count != number:
            problem = f"{name}: {count:,} {kind}, but the published files have {number:,}"
            remedy = f"Fetch the index files again, {UNPUBLISHED}"
            findings.problem(AnnotationError(f"{problem}. {remedy}."))
