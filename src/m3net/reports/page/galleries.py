"""Which queries a page shows, and what came back."""

from collections.abc import Mapping
from dataclasses import replace

from m3net.metrics.query_results import QueryResults
from m3net.reports.page.thumbnails import Thumbnails
from m3net.reports.page.values import Answer, Found, Gallery

PER_GROUP = 2
"""Queries among the best, in the middle and among the worst."""


def collect_galleries(
    results: Mapping[str, QueryResults], photos: Thumbnails
) -> tuple[Gallery, ...]:
    """Give for each attribute its best, median and worst queries by average precision.

    Queries with nothing to find are left out: no ranking could answer them.

    Args:
        results: For each attribute what became of its queries.
        photos: Of the split.
    """
    galleries = []
    for attribute, own in results.items():
        order = own.terms["map_all"].argsort(descending=True, stable=True)
        order = order[own.num_relevant[order] > 0]
        queries = order.tolist()
        groups = [
            (title, [_answer(attribute, own, queries[place], place, photos) for place in places])
            for title, places in places_to_show(len(queries)).items()
        ]
        galleries.append(Gallery(attribute, len(queries), groups))
    return tuple(galleries)


def places_to_show(count: int) -> dict[str, list[int]]:
    """Give places in an order from the best to the worst, each once.

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


def _answer(
    attribute: str, results: QueryResults, query: int, place: int, photos: Thumbnails
) -> Answer:
    """Give one query; one that asks for a class is labelled by that class alone."""
    photo = photos.photo(int(results.query_index[query]), attribute)
    asked = int(results.query_class[query])
    if asked >= 0:
        taxonomy = photos.taxonomy
        own = taxonomy.attributes[taxonomy.names.index(attribute)]
        photo = replace(photo, labels=own.classes[asked])
    lists = (results.top_index, results.top_score, results.top_relevant)
    columns = (own[query].tolist() for own in lists)
    return Answer(
        query=photo,
        place=place + 1,
        average_precision=float(results.terms["map_all"][query]),
        num_relevant=int(results.num_relevant[query]),
        results=[
            Found(photos.photo(image, attribute), score, right)
            for image, score, right in zip(*columns, strict=True)
            if image >= 0
        ],
    )
