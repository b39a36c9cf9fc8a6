"""Check the counts of the published index files: a copy that differs is not the benchmark."""

from dataclasses import dataclass

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
    labels = records.labels_per_attribute(taxonomy.attribute_of_class)
    numbers = [("images", len(records), published.images)]
    for kind, counts, expected in (
        ("queries", records.has_role(Role.QUERY), published.queries),
        ("gallery images", records.has_role(Role.GALLERY), published.gallery),
        ("labels", labels, published.labels),
    ):
        kinds = [f"{kind} of {attribute}" for attribute in taxonomy.names]
        numbers += zip(
            kinds, counts.sum(axis=0).tolist(), expected or [None] * len(kinds), strict=True
        )
    for kind, count, number in numbers:
        if number is not None and count != number:
            problem = f"{name}: {count:,} {kind}, but the published files have {number:,}"
            remedy = f"Fetch the index files again, {UNPUBLISHED}"
            findings.problem(AnnotationError(f"{problem}. {remedy}."))
