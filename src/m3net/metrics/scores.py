"""Scores of attributes and classes, averaged from the results of queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from statistics import fmean

import torch
from torch import Tensor

from m3net.metrics.query_results import QueryResults, QuerySums, WithoutRelevant

COUNTS = ("num_queries", "num_gallery", "num_queries_without_relevant")
OVERALL_BY_QUERIES = "overall (by queries)"
OVERALL_BY_ATTRIBUTES = "overall (by attributes)"


@dataclass(frozen=True)
class AttributeScores:
    """One row of a table of scores; in an overall row all counts are sums over attributes."""

    attribute: str
    """Name of the attribute, `OVERALL_BY_QUERIES` or `OVERALL_BY_ATTRIBUTES`."""
    values: dict[str, float]
    """The mean of each of `metric_names`, in [0, 1]; NaN where no query counts."""
    num_queries: int
    """Number of queries: images under "single", labels under "multi"."""
    num_gallery: int
    """Number of gallery images."""
    num_queries_without_relevant: int
    """Number of the queries without relevant images."""

    @classmethod
    def over_queries(
        cls,
        attribute: str,
        sums: Sequence[QuerySums],
        num_gallery: int,
        without_relevant: WithoutRelevant = "zero",
    ) -> "AttributeScores":
        """Return the mean over all queries of one or more attributes."""
        total = QuerySums.total(sums)
        return cls(
            attribute=attribute,
            values=total.means(without_relevant),
            num_queries=total.num_queries,
            num_gallery=num_gallery,
            num_queries_without_relevant=total.num_without_relevant,
        )

    @classmethod
    def over_attributes(
        cls, attribute: str, rows: Sequence["AttributeScores"]
    ) -> "AttributeScores":
        """Return the unweighted mean over the attributes that have queries."""

        def mean(metric: str) -> float:
            values = [row.values[metric] for row in rows if not isnan(row.values[metric])]
            return fmean(values) if values else nan

        return cls(
            attribute=attribute,
            values={name: mean(name) for name in rows[0].values},
            num_queries=sum(row.num_queries for row in rows),
            num_gallery=sum(row.num_gallery for row in rows),
            num_queries_without_relevant=sum(row.num_queries_without_relevant for row in rows),
        )


def score_table(
    sums: Mapping[str, QuerySums],
    num_gallery: Mapping[str, int],
    without_relevant: WithoutRelevant = "zero",
) -> list[AttributeScores]:
    """Return one row per attribute, then overall by queries, then overall by attributes."""
    rows = [
        AttributeScores.over_queries(name, [attribute_sums], num_gallery[name], without_relevant)
        for name, attribute_sums in sums.items()
    ]
    total_gallery = sum(num_gallery.values())
    by_queries = AttributeScores.over_queries(
        OVERALL_BY_QUERIES, list(sums.values()), total_gallery, without_relevant
    )
    return [*rows, by_queries, AttributeScores.over_attributes(OVERALL_BY_ATTRIBUTES, rows)]


def flatten(table: Sequence[AttributeScores]) -> dict[str, Tensor]:
    """Return a table of `score_table` as scalars under flat names, for a logger.

    Each metric, such as "map_all", is a float64 scalar under "map_all" (overall by queries),
    "map_all_by_attribute" (overall by attributes) and "map_all/<attribute>". Each of `COUNTS`, such
    as "num_queries", is an int64 scalar under "num_queries" (sum) and "num_queries/<attribute>".
    """
    *rows, by_queries, by_attributes = table
    flat: dict[str, Tensor] = {}
    for name, value in by_queries.values.items():
        means = {name: value, f"{name}_by_attribute": by_attributes.values[name]}
        means |= {f"{name}/{row.attribute}": row.values[name] for row in rows}
        flat |= {key: torch.tensor(mean, dtype=torch.float64) for key, mean in means.items()}
    for name in COUNTS:
        counts = {name: getattr(by_queries, name)}
        counts |= {f"{name}/{row.attribute}": getattr(row, name) for row in rows}
        flat |= {key: torch.tensor(count) for key, count in counts.items()}
    return flat


@dataclass(frozen=True)
class ClassScores:
    """Scores of the queries for one class."""

    attribute: str
    """Name of the attribute."""
    class_id: int
    """The class, 0 .. K-1 within its attribute."""
    values: dict[str, float]
    """The mean of each of `metric_names`, in [0, 1]; NaN where no query counts."""
    num_queries: int
    """Number of queries: under "single" images that have the class, perhaps among others; under
    "multi" labels."""
    num_queries_without_relevant: int
    """Number of the queries without relevant images."""


def class_scores(
    attribute: str,
    results: QueryResults,
    query_classes: Tensor,
    without_relevant: WithoutRelevant = "zero",
) -> list[ClassScores]:
    """Return one row for each class of an attribute.

    Args:
        attribute: Name of the attribute.
        results: Results of its Q queries.
        query_classes: (Q, K) bool, whether a query asks for a class.
        without_relevant: Whether a query without relevant images scores 0 or is skipped.

    Example:
        >>> import torch
        >>> from m3net.metrics import Images, rank
        >>> classes = torch.tensor([[True, False], [True, True], [False, True]])
        >>> line = Images(torch.tensor([[1.0], [0.2], [0.9]]), classes, torch.arange(3))
        >>> rows = class_scores("collar", rank(line, line), classes)
        >>> [(row.class_id, row.num_queries, row.values["map_all"]) for row in rows]
        [(0, 2, 0.75), (1, 2, 0.75)]
    """
    rows = []
    for class_id, has_class in enumerate(query_classes.unbind(dim=1)):
        part = results.select(has_class)
        means = part.means(without_relevant)
        rows.append(
            ClassScores(
                attribute=attribute,
                class_id=class_id,
                values={name: mean.item() for name, mean in means.items()},
                num_queries=len(part),
                num_queries_without_relevant=part.num_without_relevant,
            )
        )
    return rows


def retrieved_classes(results: QueryResults, query_classes: Tensor, classes: Tensor) -> Tensor:
    """Return how often each class is among the top results of the queries for each class.

    Args:
        results: Results of Q queries, with their lists of the best gallery images.
        query_classes: (Q, K) bool, whether a query asks for a class.
        classes: (N, K) bool, the classes of all images of the split.

    Returns:
        (K, K) float64 in [0, 1]: row a holds, of all images in the lists of the queries for class
        a, the share that has class b. A row sums to 1 if each image has one class; it is NaN where
        no image is listed.

    Example:
        >>> from m3net.metrics import Images, rank
        >>> classes = torch.tensor([[True, False], [True, False], [False, True]])
        >>> line = Images(torch.tensor([[1.0], [0.2], [0.9]]), classes, torch.arange(3))
        >>> retrieved_classes(rank(line, line, top_k=2), classes, classes)
        tensor([[0.5000, 0.5000],
                [1.0000, 0.0000]], dtype=torch.float64)
    """
    counts = torch.zeros(query_classes.shape, dtype=torch.float64)
    listed = torch.zeros(len(query_classes), dtype=torch.float64)
    for images in results.top_index.cpu().unbind(dim=1):
        is_listed = images >= 0
        counts += classes[images.clamp(min=0)] & is_listed[:, None]
        listed += is_listed
    by_class = query_classes.double().T
    return (by_class @ counts) / (by_class @ listed)[:, None]
