"""The queries that a page shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from m3net.metrics.query_results import QueryResults
from m3net.reports.album import Album
from m3net.reports.answers import Answer, answer_of, best_first

PER_GROUP = 2
"""Queries among the best, in the middle and among the worst."""


@dataclass(frozen=True)
class Gallery:
    """Queries of one attribute that have relevant images."""

    attribute: str
    num_queries: int
    """All of them."""
    groups: Sequence[tuple[str, Sequence[tuple[int, Answer]]]]
    """A heading such as "best", and its answers, each with its rank among the queries."""


def collect_galleries(results: Mapping[str, QueryResults], album: Album) -> list[Gallery]:
    """Return for each attribute its best, median and worst queries by average precision.

    Queries without relevant images are left out: no ranking could answer them.
    """
    galleries = []
    for attribute, queries in results.items():
        order = best_first(queries)
        rows = order[queries.num_relevant[order] > 0].tolist()
        groups = [
            (title, [(n + 1, answer_of(attribute, queries, rows[n], album)) for n in positions])
            for title, positions in positions_to_show(len(rows)).items()
            if positions
        ]
        galleries.append(Gallery(attribute, len(rows), groups))
    return galleries


def positions_to_show(count: int) -> dict[str, range]:
    """Return positions in an order from the best to the worst, each at most once.

    Example:
        >>> positions_to_show(9)
        {'best': range(0, 2), 'median': range(3, 5), 'worst': range(7, 9)}
    """
    middle = max(PER_GROUP, (count - PER_GROUP) // 2)
    return {
        "best": range(min(PER_GROUP, count)),
        "median": range(middle, min(middle, count - 2 * PER_GROUP) + PER_GROUP),
        "worst": range(max(PER_GROUP, count - PER_GROUP), count),
    }
