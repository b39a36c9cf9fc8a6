"""What some images ask for."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from m3net.metrics.ranking.product import Bools, Integers
from m3net.protocol import Protocol


class Asked(NamedTuple):
    """What n queries of some images ask for.

    Attributes:
        rows: (n,) int64, the image of each query.
        bounds: (n + 1,) int64; query q asks for any of `classes[bounds[q]:bounds[q + 1]]`.
        classes: (m,) int64.
    """

    rows: Integers
    bounds: Integers
    classes: Integers


def queries_of(targets: Bools, protocol: Protocol) -> Iterator[Asked]:
    """Give the queries of b images, at most b at a time.

    Args:
        targets: (b, K) bool, True where an image carries a class.
        protocol: What a query is.

    Example:
        >>> targets = np.array([[True, False], [True, True]])
        >>> list(queries_of(targets, "single"))
        [Asked(rows=array([0, 1]), bounds=array([0, 1, 3]), classes=array([0, 0, 1]))]
        >>> [asked.classes for asked in queries_of(targets, "multi")]
        [array([0, 0]), array([1])]
    """
    rows, classes = np.nonzero(targets)
    if protocol == "single":
        bounds = np.searchsorted(rows, np.arange(len(targets) + 1))
        yield Asked(np.arange(len(targets)), bounds, classes)
        return
    for first in range(0, max(len(rows), 1), max(len(targets), 1)):
        own = slice(first, first + len(targets))
        yield Asked(rows[own], np.arange(len(rows[own]) + 1), classes[own])
