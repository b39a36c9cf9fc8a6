"""Which classes come back when one is asked for, as a page shows it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from m3net.data.taxonomy import Attribute
from m3net.reports.evaluation import Evaluation

MOST_CLASSES = 16
"""Classes of the largest matrix that is shown whole."""
MOST_PAIRS = 20
"""Pairs that are shown of a larger one."""


@dataclass(frozen=True)
class Confusion:
    """Which classes of an attribute come back when one is asked for."""

    attribute: str
    is_multi_label: bool
    """Whether an image may carry several classes of the attribute."""
    classes: Sequence[str]
    """Names of all K classes."""
    num_queries: Sequence[int]
    """For each class, the queries that ask for it."""
    shares: Sequence[Sequence[float | None]]
    """K rows of K shares in [0, 1], None in a row without queries; empty if the matrix is cut."""
    pairs: Sequence[tuple[str, str, float]] = ()
    """If the matrix is cut, the most confused pairs: asked for, came back, share."""


def collect_confusions(evaluation: Evaluation) -> list[Confusion]:
    """Return one confusion for each attribute that has queries."""
    asked: dict[str, list[int]] = {name: [] for name in evaluation.taxonomy.names}
    for row in evaluation.class_scores:
        asked[row.attribute].append(row.num_queries)
    shares = evaluation.metrics.retrieved_classes(evaluation.targets)
    return [
        _confusion(attribute, asked[attribute.name], shares[attribute.name])
        for attribute in evaluation.taxonomy
        if any(asked[attribute.name])
    ]


def _confusion(attribute: Attribute, asked: Sequence[int], shares: Tensor) -> Confusion:
    cut = len(attribute.classes) > MOST_CLASSES
    rows = [[None if row[0].isnan() else float(share) for share in row] for row in shares]
    pairs = _pairs(attribute.classes, shares) if cut else ()
    about = (attribute.name, attribute.multi_label, attribute.classes, asked)
    return Confusion(*about, () if cut else rows, pairs)


def _pairs(classes: Sequence[str], shares: Tensor) -> tuple[tuple[str, str, float], ...]:
    """Return the pairs of two classes with the highest shares, without shares of zero."""
    others = shares.nan_to_num(0.0).clone()
    others.fill_diagonal_(0.0)
    values, places = others.flatten().sort(descending=True, stable=True)
    count = min(MOST_PAIRS, int(torch.count_nonzero(values)))
    return tuple(
        (classes[place // len(classes)], classes[place % len(classes)], value)
        for value, place in zip(values[:count].tolist(), places[:count].tolist(), strict=True)
    )
