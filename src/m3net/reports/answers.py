"""Queries and the gallery images retrieved for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from m3net.metrics.query_results import QueryResults
from m3net.reports.album import Album, labels_of


class Hit(NamedTuple):
    """A retrieved gallery image."""

    image: int
    """Its index in the split."""
    score: float
    """Inner product with the query."""
    is_relevant: bool


@dataclass(frozen=True)
class Answer:
    """A query under one attribute and its best gallery images."""

    attribute: str
    query: int
    """Index of the query image in the split."""
    asked: str
    """Names of the classes that the query asks for."""
    average_precision: float
    """Over the whole gallery, in [0, 1]."""
    num_relevant: int
    """Relevant gallery images."""
    hits: Sequence[Hit]
    """The best first."""


def answer_of(attribute: str, results: QueryResults, row: int, album: Album) -> Answer:
    """Return the query in row `row` of an attribute's results, and its hits."""
    query, label = int(results.query_index[row]), int(results.query_class[row])
    record = album.dataset.records[query]
    lists = (results.top_index, results.top_score, results.top_relevant)
    hits = map(Hit._make, zip(*(column[row].tolist() for column in lists), strict=True))
    return Answer(
        attribute=attribute,
        query=query,
        asked=", ".join(labels_of(record, album.taxonomy, attribute, label)),
        average_precision=float(results.terms["map_all"][row]),
        num_relevant=int(results.num_relevant[row]),
        hits=[hit for hit in hits if hit.image >= 0],
    )


def best_first(results: QueryResults) -> Tensor:
    """Return (Q,) int64, the rows of queries from the best average precision to the worst."""
    return results.terms["map_all"].argsort(descending=True, stable=True)
