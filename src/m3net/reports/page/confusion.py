"""Which classes come back when one is asked for, as a page shows it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from m3net.data.taxonomy import Attribute, Taxonomy
from m3net.metrics.retrieval_metrics import RetrievalMetrics
from m3net.reports.page.values import Confusion

MOST_CLASSES = 16
"""Classes of the largest matrix that is shown whole."""
MOST_PAIRS = 20
"""Pairs that are shown of a larger one."""


def collect_confusions(
    metrics: RetrievalMetrics, taxonomy: Taxonomy, targets: Tensor
) -> tuple[Confusion, ...]:
    """Give one confusion for each attribute that has queries.

    Args:
        metrics: Of the evaluation.
        taxonomy: Names of the classes.
        targets: (N, M) bool, the classes that all images of the split carry.
    """
    asked: dict[str, list[int]] = {name: [] for name in taxonomy.names}
    for row in metrics.class_table(targets):
        asked[row.attribute].append(row.num_queries)
    shares = metrics.retrieved_classes(targets)
    return tuple(
        _confusion(attribute, asked[attribute.name], shares[attribute.name])
        for attribute in taxonomy
        if any(asked[attribute.name])
    )


def _confusion(attribute: Attribute, asked: Sequence[int], shares: Tensor) -> Confusion:
    cut = len(attribute.classes) > MOST_CLASSES
    rows = [[None if row[0].isnan() else float(share) for share in row] for row in shares]
    pairs = _pairs(attribute.classes, shares) if cut else ()
    classes, several = attribute.classes, attribute.multi_label
    return Confusion(attribute.name, several, classes, asked, () if cut else rows, pairs)


def _pairs(classes: Sequence[str], shares: Tensor) -> tuple[tuple[str, str, float], ...]:
    """Give the pairs of two classes with the highest shares, but none of share zero."""
    others = shares.nan_to_num(0.0).clone()
    others.fill_diagonal_(0.0)
    values, places = others.flatten().sort(descending=True, stable=True)
    count = min(MOST_PAIRS, int(torch.count_nonzero(values)))
    return tuple(
        (classes[place // len(classes)], classes[place % len(classes)], value)
        for value, place in zip(values[:count].tolist(), places[:count].tolist(), strict=True)
    )
