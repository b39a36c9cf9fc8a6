"""Scores by a float32 product, how far they may be off, and single scores without that error."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]

_UNIT = 2.0**-24  # the relative error of one rounding to float32
_AGREEING, _CANCELLED = 2, 4
_PAIRS = 64  # at once, so that their embeddings stay in the cache


@dataclass(frozen=True)
class Product:
    """Scores of b queries with G gallery images.

    How far a score s of D terms may be off is taken to be 2 sqrt(D) |s| + 4 |q| |g| roundings. The
    errors of the D sums on the way have either sign, so that they add up as their root. A sum on
    the way is about as large as s where the terms agree, and about |q| |g| / sqrt(D) where they
    cancel. The strict bound, D |q| |g| roundings, would leave hardly an order certain. `settle`
    notices a product that is less precise.

    Attributes:
        queries: (b, D) float32.
        gallery: (G, D) float32.
        negated: (b, G) float32, the scores times -1, so that the best are the smallest.
        cancelled: (b,) float64, the part of the error that |q| |g| gives, with the longest g.
        per_score: The part that |s| gives, relative to it.
    """

    queries: Floats
    gallery: Floats
    negated: Floats
    cancelled: Doubles
    per_score: float

    @classmethod
    def of(cls, queries: Floats, gallery: Floats, longest: float) -> "Product":
        """Multiply with a gallery, of which the longest embedding has this length."""
        cancelled = _CANCELLED * _UNIT * lengths(queries) * longest
        # Terms below the smallest float32 may be taken for 0.
        cancelled += np.finfo(np.float32).tiny * queries.shape[1]
        per_score = _AGREEING * _UNIT * queries.shape[1] ** 0.5
        return cls(queries, gallery, -queries @ gallery.T, cancelled, per_score)

    def split(self, parts: int) -> list["Product"]:
        """Give the scores of parts of the queries, which share their memory."""
        columns = (np.array_split(c, parts) for c in (self.queries, self.negated, self.cancelled))
        return [
            Product(queries, self.gallery, negated, cancelled, self.per_score)
            for queries, negated, cancelled in zip(*columns, strict=True)
        ]

    def exact(self, row: Integers, column: Integers) -> Floats:
        """Give some scores as they are defined: computed in float64, then rounded to float32.

        Args:
            row: (n,) int64, the query of each score; fastest where equal ones stand together.
            column: (n,) int64, its gallery image.

        Returns:
            (n,) float32, where 0 has no sign.
        """
        scores = np.empty(len(row))
        is_start = np.arange(len(row)) % _PAIRS == 0
        is_start |= np.diff(row, prepend=-1) != 0
        starts = np.flatnonzero(is_start).tolist()
        for start, end in pairwise([*starts, len(row)]):
            query = self.queries[row[start]].astype(np.float64)
            gallery = self.gallery[column[start:end]].astype(np.float64)
            np.vecdot(gallery, query, out=scores[start:end])
        rounded: Floats = scores.astype(np.float32) + np.float32(0)
        return rounded

    def error(self, row: Integers, score: Floats | Doubles) -> Doubles:
        """Give how far (n,) scores of these rows may be off."""
        bound: Doubles = self.cancelled[row] + self.per_score * np.abs(score)
        return bound

    def is_near(self, exact: Floats, row: Integers, column: Integers) -> bool:
        """Say whether the product was off by no more than it may be, at (n,) exact scores."""
        off = np.abs(exact.astype(np.float64) + self.negated[row, column])
        return bool((off <= self.error(row, exact)).all())


def lengths(embeddings: Floats) -> Doubles:
    """Give the length of each: (n, D) -> (n,)."""
    squares: Floats = np.einsum("nd,nd->n", embeddings, embeddings)
    return np.sqrt(squares.astype(np.float64))
