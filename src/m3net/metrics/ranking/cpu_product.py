"""Scores by a float32 product, and bounds of their errors."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

STEPS = 0.99 * 2.0**31
"""The greatest scaled score that the lengths of embeddings allow; an int32 holds it."""

_UNIT = 2.0**-24  # the relative error of one rounding to float32
_AGREEING, _CANCELLED = 2.0, 2.0
_CHAIN = 256
_SHORTEST = 2.0**-96  # of |q| |g|; below, float64 decides nearly all orders


class Product(NamedTuple):
    """Scores of b query images with G gallery images.

    A partial sum of a score s of D terms is about as large as s if the terms agree, and as
    |q| |g| / sqrt(D) if they cancel. Errors of D roundings have random signs, so they add up as a
    root. A score is therefore taken to be off by at most the root of (2 sqrt(D) s)^2 and
    (2 |q| |g|)^2 roundings of 2^-24, with D at most 256: products sum up more terms in blocks that
    each start at 0. The strict bound, D |q| |g| roundings, would leave hardly any order certain. A
    product that is less precise is noticed when scores are recomputed in float64.

    Scores are scaled by a power of 2 for each query, which preserves all digits.

    Attributes:
        queries: (b, D) float32.
        gallery: (G, D) float32.
        negated: (b, G) float32, the scaled scores times -1, so that the best are the smallest; at
            most STEPS in absolute value.
        scale: (b,) float64, powers of 2.
        cancelled: (b,) float64, the part of the scaled error due to |q| |g|, with the longest g.
        per_score: The part due to |s|, relative to it.
    """

    queries: Floats
    gallery: Floats
    negated: Floats
    scale: Doubles
    cancelled: Doubles
    per_score: float

    @classmethod
    def of(cls, queries: Floats, gallery: Floats, longest: float) -> "Product":
        """Multiply queries with a gallery whose longest embedding has this length."""
        length = lengths(queries)
        with np.errstate(divide="ignore"):
            exponent = np.log2(STEPS / np.maximum(length * longest, _SHORTEST))
            room = 100 - np.log2(length)
        scale = np.exp2(np.floor(np.minimum(exponent, np.minimum(room, 126))))
        negated = (queries * -scale[:, None].astype(np.float32)) @ gallery.T
        cancelled = _CANCELLED * _UNIT * length * longest * scale
        per_score = _AGREEING * _UNIT * min(queries.shape[1], _CHAIN) ** 0.5
        return cls(queries, gallery, negated, scale, cancelled, per_score)


def lengths(embeddings: Floats) -> Doubles:
    """Return the length of each embedding: (n, D) -> (n,)."""
    squares: Floats = np.vecdot(embeddings, embeddings)
    return np.sqrt(squares.astype(np.float64))
