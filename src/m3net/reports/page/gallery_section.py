"""Which queries a page shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from m3net.metrics.query_results import QueryResults
from m3net.reports.album import Album
from m3net.reports.answers import Answer, answer_of, best_first

PER_GROUP = 2
"""Queries among the best, in the middle and among the worst."""


@dataclass(frozen=True)
class Gallery:
    """Queries of one attribute that have something to find."""

    attribute: str
    num_queries: int
    """All of them."""
    groups: Sequence[tuple[str, Sequence[tuple[int, Answer]]]]
    """A heading such as "best", and its answers, each with its rank among the queries."""


def collect_galleries(results: Mapping[str, QueryResults], album: Album) -> list[Gallery]:
    """Return for each attribute its best, median and worst queries by average precision.

    Queries with nothing to find are left out: no ranking could answer them.

    Args:
        results: Of each attribute.
        album: Photos of the split.
    """
    galleries = []
    for attribute, own in results.items():
        order = best_first(own)
        rows = order[own.num_relevant[order] > 0].tolist()
        groups = [
            (
                title,
                [(place + 1, answer_of(attribute, own, rows[place], album)) for place in places],
            )
            for title, places in places_to_show(len(rows)).items()
        ]
        galleries.append(Gallery(attribute, len(rows), groups))
    return galleries


def places_to_show(count: int) -> dict[str, list[int]]:
    """Return places in an order from the best to the worst, each once.

    Example:
        >>> places_to_show(9)
        {'best': [0, 1], 'median': [3, 4], 'worst': [7, 8]}
        >>> places_to_show(3), places_to_show(0)
        ({'best': [0, 1], 'worst': [2]}, {})
    """
    middle = max(0, (count - PER_GROUP) // 2)
    wanted = {
        "best": range(min(PER_GROUP, count)),
        "worst": range(max(0, count - PER_GROUP), count),
        "median": range(middle, min(middle + PER_GROUP, count)),
    }
    shown: set[int] = set()
    chosen = {}
    for title, places in wanted.items():
        chosen[title] = [place for place in places if place not in shown]
        shown |= {*places}
    return {title: chosen[title] for title in ("best", "median", "worst") if chosen[title]}
