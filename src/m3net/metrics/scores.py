"""Results of queries to a table: one row per attribute and the two overall rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from statistics import fmean

import torch
from torch import Tensor

from m3net.metrics.results import METRICS, QueryResults

COUNTS = ("num_queries", "num_gallery", "num_queries_without_relevant")
OVERALL_BY_QUERIES = "overall (by queries)"
OVERALL_BY_ATTRIBUTES = "overall (by attributes)"


@dataclass(frozen=True)
class AttributeScores:
    """One row of a table of results.

    Attributes:
        attribute: Name of the attribute, `OVERALL_BY_QUERIES` or `OVERALL_BY_ATTRIBUTES`.
        map_all: Mean average precision in [0, 1]; NaN without queries, as the next three are.
        map_100: The same of the first 100 ranks, divided by their hits, as in published tables.
        map_100_by_min: The same, divided by min(100, R).
        recall_100: Mean recall of the first 100 ranks.
        num_queries: Queries of the attribute, by the protocol images or labels; in an overall row,
            summed over attributes.
        num_gallery: Gallery images, likewise.
        num_queries_without_relevant: Queries with nothing to find, which score 0; likewise.
    """

    attribute: str
    map_all: float
    map_100: float
    map_100_by_min: float
    recall_100: float
    num_queries: int
    num_gallery: int
    num_queries_without_relevant: int

    @classmethod
    def over_queries(
        cls, attribute: str, results: Sequence[QueryResults], num_gallery: int
    ) -> "AttributeScores":
        """Give the mean over all queries of some attributes."""

        def mean(metric: str) -> float:
            return torch.cat([own.terms[metric] for own in results]).mean().item()

        return cls(
            attribute=attribute,
            map_all=mean("map_all"),
            map_100=mean("map_100"),
            map_100_by_min=mean("map_100_by_min"),
            recall_100=mean("recall_100"),
            num_queries=sum(len(own) for own in results),
            num_gallery=num_gallery,
            num_queries_without_relevant=sum(own.num_without_relevant for own in results),
        )

    @classmethod
    def over_attributes(
        cls, attribute: str, rows: Sequence["AttributeScores"]
    ) -> "AttributeScores":
        """Give the plain mean over the attributes that have queries; counts are summed."""

        def mean(metric: str) -> float:
            values = [getattr(row, metric) for row in rows if row.num_queries]
            return fmean(values) if values else nan

        return cls(
            attribute=attribute,
            map_all=mean("map_all"),
            map_100=mean("map_100"),
            map_100_by_min=mean("map_100_by_min"),
            recall_100=mean("recall_100"),
            num_queries=sum(row.num_queries for row in rows),
            num_gallery=sum(row.num_gallery for row in rows),
            num_queries_without_relevant=sum(row.num_queries_without_relevant for row in rows),
        )


def score_table(
    results: Mapping[str, QueryResults], num_gallery: Mapping[str, int]
) -> list[AttributeScores]:
    """Give one row per attribute, then overall by queries, then overall by attributes.

    Args:
        results: For each attribute what became of its queries.
        num_gallery: For each attribute the number of its gallery images.
    """
    rows = [
        AttributeScores.over_queries(name, [own], num_gallery[name])
        for name, own in results.items()
    ]
    in_all = sum(num_gallery.values())
    return [
        *rows,
        AttributeScores.over_queries(OVERALL_BY_QUERIES, list(results.values()), in_all),
        AttributeScores.over_attributes(OVERALL_BY_ATTRIBUTES, rows),
    ]


def flatten(table: Sequence[AttributeScores]) -> dict[str, Tensor]:
    """Give a table that `score_table` made as scalars under flat names, for a logger.

    For each of `METRICS`, as "map_all": float64 under "map_all" (overall by queries),
    "map_all_by_attribute" (overall by attributes) and "map_all/<attribute>". For each of
    `COUNTS`, as "num_queries": int64 under "num_queries" (sum) and "num_queries/<attribute>".
    """
    *rows, by_queries, by_attributes = table
    flat: dict[str, Tensor] = {}
    for names, dtype in ((METRICS, torch.float64), (COUNTS, torch.int64)):
        for name in names:
            values = {name: getattr(by_queries, name)}
            if name in METRICS:
                values[f"{name}_by_attribute"] = getattr(by_attributes, name)
            values |= {f"{name}/{row.attribute}": getattr(row, name) for row in rows}
            flat |= {key: torch.tensor(value, dtype=dtype) for key, value in values.items()}
    return flat
