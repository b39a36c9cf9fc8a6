"""What some images ask for."""

from collections.abc import Iterator

import numpy as np

from m3net.metrics.ranking.cpu_loops import AT_ONCE, Asked
from m3net.metrics.ranking.cpu_product import Bools
from m3net.protocol import Protocol


def queries_of(targets: Bools, protocol: Protocol) -> Iterator[Asked]:
    """Give the queries of b images, at most b at a time.

    Args:
        targets: (b, K) bool, True where an image carries a class.
        protocol: What a query is.

    Example:
        >>> targets = np.array([[True, False], [True, True], [False, False]])
        >>> [single] = queries_of(targets, "single")
        >>> single.rows, single.bounds, single.classes
        (array([0, 1, 2]), array([0, 1, 3, 3]), array([0, 0, 1]))
        >>> [multi] = queries_of(targets, "multi")
        >>> multi.rows, multi.order, multi.bit, multi.classes
        (array([0, 1, 1]), array([0, 1, 1]), array([0, 0, 1]), array([0, 0, 1]))
    """
    rows, classes = np.nonzero(targets)
    if protocol == "single":
        images = np.arange(len(targets))
        bounds = np.searchsorted(rows, np.arange(len(targets) + 1))
        yield Asked(images, images, np.zeros_like(images), bounds, classes)
        return
    for first in range(0, max(len(rows), 1), max(len(targets), 1)):
        own = rows[first : first + len(targets)]
        bit = (np.arange(len(own)) - np.searchsorted(own, own)) % AT_ONCE
        order = np.cumsum(bit == 0) - 1
        bounds = np.arange(len(own) + 1)
        yield Asked(own, order, bit, bounds, classes[first : first + len(targets)])
