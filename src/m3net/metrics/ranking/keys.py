"""Numbers of 32 bits that a sort puts into the order of a ranking.

A score fills the upper bits of a key. The lower ones, finer than a float32 product is precise, say
whether the gallery image is relevant and in which block of columns it stands. So the sort moves
half as many bytes as one of scores and columns, relevance needs no look-up after it, and the column
of a rank is found again by a look at one block.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from m3net.metrics.ranking.product import Bools, Floats, Integers

Codes = NDArray[np.uint8]
Keys = NDArray[np.int32]

BLOCKS = 16
LOW = np.int32(2 * BLOCKS - 1)
LAST = np.int32(2**31 - 1) & ~LOW
"""Greater than the key of any score; of gallery images that take no part."""

LOST = float(2 * (LOW + 1))
"""So much the lower bits may move two keys against each other: by a step of what the upper ones can
tell, and by what they hold themselves."""


def codes_of(carriers: Bools) -> Codes:
    """Give the lower bits of each gallery image's key, where a query asks for one class.

    Args:
        carriers: (K, G) bool, True where a gallery image carries a class.

    Returns:
        (K, G) uint8. Where a query asks for any of several classes, its codes are their bitwise or.
    """
    num_gallery = carriers.shape[1]
    block = np.arange(num_gallery) // max(-(-num_gallery // BLOCKS), 1)
    codes: Codes = carriers | (2 * block).astype(np.uint8)
    return codes


@njit(nogil=True, cache=True)
def write_keys(
    negated: Floats, rows: Integers, bounds: Integers, classes: Integers, codes: Codes, keys: Keys
) -> None:
    """Write the keys of n queries.

    Args:
        negated: (b, G) float32, scores times -1, whose whole part an int32 holds.
        rows: (n,) int64, the row of each query.
        bounds: (n + 1,) int64; query q asks for any of `classes[bounds[q]:bounds[q + 1]]`.
        classes: (m,) int64.
        codes: (K + 1, G) uint8; the last row is for a query that asks for nothing.
        keys: (n, G) int32, is written.
    """
    for query in range(len(rows)):
        own, scores = keys[query], negated[rows[query]]
        first, end = bounds[query], bounds[query + 1]
        code = codes[classes[first]] if first < end else codes[-1]
        for column in range(len(own)):
            own[column] = (np.int32(scores[column]) & ~LOW) | code[column]
        for place in range(first + 1, end):
            code = codes[classes[place]]
            for column in range(len(own)):
                own[column] |= code[column]


@njit(nogil=True, cache=True)
def find_columns(ordered: Keys, keys: Keys, start: int, end: int, columns: Integers) -> None:
    """Write the columns of the gallery images at some ranks of a query.

    Args:
        ordered: (G,) int32, its keys from the best on.
        keys: (G,) int32, its keys in the order of the gallery.
        start: The first rank; the one before has another key.
        end: The last rank; the next one has another key.
        columns: Takes end - start + 1 columns, those of equal keys ascending.
    """
    width = -(-len(keys) // BLOCKS)
    rank = start
    while rank <= end:
        key = ordered[rank]
        first = (key & LOW) // 2 * width
        for column in range(first, min(first + width, len(keys))):
            if keys[column] == key:
                columns[rank - start] = column
                rank += 1
