"""What some images ask for, and which images of a ranked gallery are relevant to that."""

from collections.abc import Iterator

import numpy as np

from m3net.metrics.product import Bools, Integers
from m3net.protocol import Protocol

NO_CLASS = -1


def queries_of(targets: Bools, protocol: Protocol) -> Iterator[tuple[Integers, Integers]]:
    """Give the queries of b images, at most b at a time.

    Args:
        targets: (b, K) bool, True where an image carries a class.
        protocol: What a query is.

    Yields:
        Of n queries (n,) int64, the row of the image, and (n,) int64, the class that is asked for,
        `NO_CLASS` under "single".
    """
    if protocol == "single":
        yield np.arange(len(targets)), np.full(len(targets), NO_CLASS)
        return
    rows, classes = np.nonzero(targets)
    for first in range(0, max(len(rows), 1), max(len(targets), 1)):
        own = slice(first, first + max(len(targets), 1))
        yield rows[own], classes[own]


def ranked_relevance(
    carriers: Bools, columns: Integers, targets: Bools, rows: Integers, classes: Integers
) -> Bools:
    """Look up the relevance of each query's gallery images.

    Args:
        carriers: (K, G) bool, True where a gallery image carries a class.
        columns: (b, G) int64, the gallery in the order of each image.
        targets: (b, K) bool, True where an image carries a class.
        rows: (n,) int64, the image of each query.
        classes: (n,) int64, the class that it asks for, or `NO_CLASS` for any that it carries.

    Returns:
        (n, G) bool.
    """
    relevant = np.empty((len(rows), columns.shape[1]), dtype=bool)
    own = targets[rows]
    # Most images carry one class. To look it up needs no copy.
    several = (own.sum(axis=1) != 1) & (classes == NO_CLASS)
    one = np.where(classes == NO_CLASS, own.argmax(axis=1), classes)
    for query, row in enumerate(rows):
        matches = carriers[own[query]].any(axis=0) if several[query] else carriers[one[query]]
        # All columns are in range; "clip" only spares numpy a buffer.
        matches.take(columns[row], out=relevant[query], mode="clip")
    return relevant
