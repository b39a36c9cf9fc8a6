"""Keys in order: a radix sort of the rows of a table.

numpy chooses its sort by what a processor can do and not by what is fast on it: with AVX-512 on
some, it takes four times as long as without. Three passes over digits take the same everywhere, and
of nine bits each: so many places to write to, and their counters, fit into the nearest cache.
"""

import numpy as np
from numpy.typing import NDArray

from m3net.metrics.ranking.compiling import compiled

UNSORTED = 5
"""The lowest bits of a key, which take no part."""

_BITS = 9
_DIGITS = 2**_BITS
_PASSES = 3  # of nine bits each, which the other 27 fit into
_SIGN, _ONE = np.uint32(2**31), np.uint32(1)


@compiled()
def sort_rows(keys: NDArray[np.int32]) -> NDArray[np.int32]:
    """Sort each row by all bits but the lowest `UNSORTED`.

    Args:
        keys: (g, G) int32.

    Returns:
        (g, G) int32, each row ascending in these bits; keys that have them equal keep their order.
    """
    ordered, spare = np.empty_like(keys), np.empty(keys.shape[1], dtype=np.int32)
    # Places without a sign: those below 0 would be looked for, and counted from the end.
    places = np.empty((_PASSES, _DIGITS), dtype=np.uint32)
    for row in range(len(keys)):
        places[:] = 0
        source = keys[row]
        for key in source:
            for step in range(_PASSES):
                places[step, _digit(key, step)] += _ONE
        # An odd number of passes ends in the row of what is ordered.
        target, other = ordered[row], spare
        for step in range(_PASSES):
            _move(source, places[step], step, target)
            source = target
            target, other = other, target
    return ordered


@compiled()
def _move(
    source: NDArray[np.int32], places: NDArray[np.uint32], step: int, target: NDArray[np.int32]
) -> None:
    """Move keys to the order of one of their digits, of each of which there are so many."""
    start = np.uint32(0)
    for digit in range(_DIGITS):
        count = places[digit]
        places[digit] = start
        start += count
    for key in source:
        digit = _digit(key, step)
        target[places[digit]] = key
        places[digit] += _ONE


@compiled()
def _digit(key: np.int32, step: int) -> int:
    """Give a digit of a key, from the lowest on; negative keys come first."""
    shifted = (np.uint32(key) ^ _SIGN) >> np.uint32(UNSORTED + _BITS * step)
    return int(shifted & np.uint32(_DIGITS - 1))
