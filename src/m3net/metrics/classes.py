"""Results of queries to scores of each class that they ask for."""

from dataclasses import dataclass

from torch import Tensor

from m3net.metrics.query_results import QueryResults, WithoutRelevant


@dataclass(frozen=True)
class ClassScores:
    """What the queries for one class scored.

    Attributes:
        attribute: Name of the attribute.
        place: The class, as its place 0 .. K-1 among the attribute's.
        values: The mean of each of `metric_names`, in [0, 1]; NaN where no query counts.
        num_queries: Queries that ask for the class: under "single" images that carry it, which may
            ask for others too, under "multi" its labels.
        num_queries_without_relevant: Those with nothing to find, part of the former.
    """

    attribute: str
    place: int
    values: dict[str, float]
    num_queries: int
    num_queries_without_relevant: int


def class_scores(
    attribute: str,
    results: QueryResults,
    asked: Tensor,
    without_relevant: WithoutRelevant = "zero",
) -> list[ClassScores]:
    """Give one row for each class of an attribute, in their order.

    Args:
        attribute: Its name.
        results: What became of its Q queries.
        asked: (Q, K) bool, whether a query asks for a class.
        without_relevant: Whether a query with nothing to find counts as 0 or is left out of means.

    Example:
        >>> import torch
        >>> from m3net.metrics import Images, rank
        >>> classes = torch.tensor([[True, False], [True, True], [False, True]])
        >>> line = Images(torch.tensor([[1.0], [0.2], [0.9]]), classes, torch.arange(3))
        >>> rows = class_scores("collar", rank(line, line), classes)
        >>> [(row.place, row.num_queries, row.values["map_all"]) for row in rows]
        [(0, 2, 0.75), (1, 2, 0.75)]
    """
    rows = []
    for place, own in enumerate(asked.unbind(dim=1)):
        part = results.select(own)
        rows.append(
            ClassScores(
                attribute=attribute,
                place=place,
                values={name: mean.item() for name, mean in part.means(without_relevant).items()},
                num_queries=len(part),
                num_queries_without_relevant=part.num_without_relevant,
            )
        )
    return rows
