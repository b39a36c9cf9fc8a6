"""Scores by a float32 product, and how far they may be off."""

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
_SHORTEST = 2.0**-96  # of |q| |g|; below it scores are hardly told apart, and float64 is taken


class Product(NamedTuple):
    """Scores of b queries with G gallery images.

    A sum on the way to a score s of D terms is about as large as s where the terms agree, and as
    |q| |g| / sqrt(D) where they cancel. The errors of D roundings have either sign, so that they
    add up as their root. So a score is taken to be off by at most the root of (2 sqrt(D) s)^2 and
    (2 |q| |g|)^2 roundings of 2^-24, D being at most 256: products add up more terms in blocks,
    each of which begins at 0. The strict bound, D |q| |g| roundings, would leave hardly an order
    certain. A product that is less precise is noticed where scores are computed anew.

    Scores are scaled by a power of 2, another one for each query, which changes no digit of them.

    Attributes:
        queries: (b, D) float32.
        gallery: (G, D) float32.
        negated: (b, G) float32, the scaled scores times -1, so that the best are the smallest;
            within STEPS of 0.
        scale: (b,) float64, powers of 2.
        cancelled: (b,) float64, the part of the scaled error that |q| |g| gives, with the longest
            g.
        per_score: The part that |s| gives, relative to it.
    """

    queries: Floats
    gallery: Floats
    negated: Floats
    scale: Doubles
    cancelled: Doubles
    per_score: float

    @classmethod
    def of(cls, queries: Floats, gallery: Floats, longest: float) -> "Product":
        """Multiply with a gallery, of which the longest embedding has this length."""
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
    """Give the length of each: (n, D) -> (n,)."""
    squares: Floats = np.vecdot(embeddings, embeddings)
    return np.sqrt(squares.astype(np.float64))
