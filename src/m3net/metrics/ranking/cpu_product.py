"""Scores as integers, by a product in float64."""

from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
Keys = NDArray[np.int32]
Bools = NDArray[np.bool_]

STEPS = 0.99 * 2.0**31
"""The greatest scaled score that the lengths of embeddings allow; an int32 holds it."""

_SHORTEST = 2.0**-300  # less than |q| |g| of any float32 embeddings other than 0
_QUANTUM = 2.0**-149  # the distance of float32 numbers near 0
_SUM_ERROR = 2.0**-53 * STEPS  # of one rounding to float64, of a scaled score
_TILE = 1024  # the most gallery images that are converted to float64 at once


class Product(NamedTuple):
    """Scaled scores of b query images with G gallery images, truncated to integers.

    A score is the exact inner product of two float32 embeddings, rounded to float32. Products of
    float32 numbers are exact in float64. However a library orders and fuses the additions, a sum of
    D terms is off by at most 1.01 D roundings of |q| |g|, as D times 2^-53 is small. Each query is
    scaled by a power of 2, which preserves all digits, so that |q| |g| is at most STEPS. The scaled
    sum is then off by less than D 2^-21, and truncating it changes it by less than 1.
    """

    queries: Floats
    """(b, D)."""
    gallery: Floats
    """(G, D)."""
    negated: Keys
    """(b, G), the scaled scores times -1, so that the best are the smallest."""
    scale: Doubles
    """(b,), powers of 2."""
    slack: Doubles
    """(b,), by how much two of these integers must differ for their scores to differ, besides the
    2^-23 of a score by which float32 numbers are apart."""

    @classmethod
    def of(cls, queries: Floats, gallery: Floats, lengths: Doubles, longest: float) -> "Product":
        """Multiply queries of these lengths with a gallery whose longest embedding has this one."""
        longest_products = np.maximum(lengths * longest, _SHORTEST)
        scale = np.exp2(np.floor(np.log2(STEPS / longest_products)))
        scaled = queries * -scale[:, None]
        negated = np.empty((len(queries), len(gallery)), dtype=np.int32)
        size = ceil(len(gallery) / ceil(len(gallery) / _TILE))
        for first in range(0, len(gallery), size):
            tile = slice(first, first + size)
            negated[:, tile] = scaled @ gallery[tile].astype(np.float64).T
        sum_error = 1.01 * queries.shape[1] * _SUM_ERROR
        rounding = np.minimum(_QUANTUM * scale, 2.0**32)  # more than integers can differ
        return cls(queries, gallery, negated, scale, 2 * (1 + sum_error) + 1 + rounding)
