"""Which classes are retrieved for the queries of each class."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from m3net.data.taxonomy import Attribute
from m3net.reports.evaluation import Evaluation

MOST_CLASSES = 16
"""Classes of the largest matrix that is shown whole."""
MOST_PAIRS = 20
"""Pairs shown of a larger matrix."""


@dataclass(frozen=True)
class Confusion:
    """The shares of an attribute's K classes in the results of the queries for each class."""

    attribute: str
    is_multi_label: bool
    classes: Sequence[str]
    num_queries: Sequence[int]
    """For each class, the queries that ask for it."""
    shares: Sequence[Sequence[float | None]]
    """K rows of K shares in [0, 1], None in a row without queries; empty if the matrix is cut."""
    pairs: Sequence[tuple[str, str, float]] = ()
    """If the matrix is cut, the most confused pairs: asked for, came back, share."""


def collect_confusions(evaluation: Evaluation) -> list[Confusion]:
    """Return one confusion for each attribute that has queries."""
    num_queries: dict[str, list[int]] = {name: [] for name in evaluation.taxonomy.names}
    for row in evaluation.class_scores:
        num_queries[row.attribute].append(row.num_queries)
    shares = evaluation.metrics.retrieved_classes(evaluation.targets)
    return [
        _confusion(attribute, num_queries[attribute.name], shares[attribute.name])
        for attribute in evaluation.taxonomy
        if any(num_queries[attribute.name])
    ]


def _confusion(attribute: Attribute, num_queries: Sequence[int], shares: Tensor) -> Confusion:
    is_cut = len(attribute.classes) > MOST_CLASSES
    rows = [[None if row[0].isnan() else float(share) for share in row] for row in shares]
    return Confusion(
        attribute.name,
        attribute.multi_label,
        attribute.classes,
        num_queries,
        shares=() if is_cut else rows,
        pairs=_most_confused(attribute.classes, shares) if is_cut else (),
    )


def _most_confused(classes: Sequence[str], shares: Tensor) -> list[tuple[str, str, float]]:
    """Return the pairs of two different classes with the highest shares above 0."""
    others = shares.nan_to_num(0.0)
    others.fill_diagonal_(0.0)
    values, cells = others.flatten().sort(descending=True, stable=True)
    count = min(MOST_PAIRS, int(torch.count_nonzero(values)))
    return [
        (classes[cell // len(classes)], classes[cell % len(classes)], value)
        for value, cell in zip(values[:count].tolist(), cells[:count].tolist(), strict=True)
    ]
