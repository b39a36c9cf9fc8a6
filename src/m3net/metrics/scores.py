"""Results of queries to a table: one row per attribute and the two overall rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from statistics import fmean

import torch
from torch import Tensor

from m3net.metrics.query_results import WithoutRelevant
from m3net.metrics.sums import QuerySums

COUNTS = ("num_queries", "num_gallery", "num_queries_without_relevant")
OVERALL_BY_QUERIES = "overall (by queries)"
OVERALL_BY_ATTRIBUTES = "overall (by attributes)"


@dataclass(frozen=True)
class AttributeScores:
    """One row of a table of results.

    Attributes:
        attribute: Name of the attribute, `OVERALL_BY_QUERIES` or `OVERALL_BY_ATTRIBUTES`.
        values: The mean of each of `metric_names`, in [0, 1]; NaN where no query counts.
        num_queries: Queries of the attribute, by the protocol images or labels; in an overall row,
            summed over attributes.
        num_gallery: Gallery images, likewise.
        num_queries_without_relevant: Queries with nothing to find, part of the former; likewise.
    """

    attribute: str
    values: dict[str, float]
    num_queries: int
    num_gallery: int
    num_queries_without_relevant: int

    @classmethod
    def over_queries(
        cls,
        attribute: str,
        sums: Sequence[QuerySums],
        num_gallery: int,
        without_relevant: WithoutRelevant = "zero",
    ) -> "AttributeScores":
        """Give the mean over all queries of some attributes, at least one."""
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
        """Give the plain mean over the attributes that have queries; counts are summed."""

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
    """Give one row per attribute, then overall by queries, then overall by attributes.

    Args:
        sums: For each attribute those over its queries.
        num_gallery: For each attribute the number of its gallery images.
        without_relevant: Whether a query with nothing to find counts as 0 or is left out of means.
    """
    rows = [
        AttributeScores.over_queries(name, [own], num_gallery[name], without_relevant)
        for name, own in sums.items()
    ]
    everything, in_all = list(sums.values()), sum(num_gallery.values())
    return [
        *rows,
        AttributeScores.over_queries(OVERALL_BY_QUERIES, everything, in_all, without_relevant),
        AttributeScores.over_attributes(OVERALL_BY_ATTRIBUTES, rows),
    ]


def flatten(table: Sequence[AttributeScores]) -> dict[str, Tensor]:
    """Give a table that `score_table` made as scalars under flat names, for a logger.

    For each of `metric_names`, as "map_all": float64 under "map_all" (overall by queries),
    "map_all_by_attribute" (overall by attributes) and "map_all/<attribute>". For each of
    `COUNTS`, as "num_queries": int64 under "num_queries" (sum) and "num_queries/<attribute>".
    """
    *rows, by_queries, by_attributes = table
    flat: dict[str, Tensor] = {}
    for name, value in by_queries.values.items():
        named = {name: value, f"{name}_by_attribute": by_attributes.values[name]}
        named |= {f"{name}/{row.attribute}": row.values[name] for row in rows}
        flat |= {key: torch.tensor(mean, dtype=torch.float64) for key, mean in named.items()}
    for name in COUNTS:
        counts = {name: getattr(by_queries, name)}
        counts |= {f"{name}/{row.attribute}": getattr(row, name) for row in rows}
        flat |= {key: torch.tensor(count) for key, count in counts.items()}
    return flat
