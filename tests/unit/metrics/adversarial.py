"""Embeddings whose scores are hard to compute, and their scores in exact integers."""

from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray

from m3net.metrics import Images

Floats = NDArray[np.float32]

_LONGEST = 1e19
"""Longer embeddings are refused."""


def _random(rng: np.random.Generator, size: int, length: int) -> Floats:
    return rng.standard_normal((size, length)).astype(np.float32)


def constant(rng: np.random.Generator, size: int, length: int) -> Floats:
    """All terms of a score are equal, so that all roundings of a sum have one sign."""
    return np.repeat(rng.uniform(0.5, 1, (size, 1)), length, axis=1).astype(np.float32)


def nearly_constant(rng: np.random.Generator, size: int, length: int) -> Floats:
    """Like `constant`, but no two numbers are equal."""
    return constant(rng, size, length) * (1 + 1e-4 * _random(rng, size, length))


def one_hot(rng: np.random.Generator, size: int, length: int) -> Floats:
    """Few scores are not 0."""
    return np.eye(length, dtype=np.float32)[rng.integers(length, size=size)]


def multi_hot(rng: np.random.Generator, size: int, length: int) -> Floats:
    """Ones and zeros, normalized."""
    return _normalized((rng.random((size, length)) < rng.random((size, 1))).astype(np.float32))


def ternary(rng: np.random.Generator, size: int, length: int) -> Floats:
    """Scores are small integers; many are equal, and 0 by cancellation."""
    return rng.integers(-1, 2, (size, length)).astype(np.float32)


def normalized_ternary(rng: np.random.Generator, size: int, length: int) -> Floats:
    """Like `ternary`, but rounded to other lengths."""
    return _normalized(ternary(rng, size, length))


def an_ulp_apart(rng: np.random.Generator, size: int, length: int) -> Floats:
    """One embedding, of which one number differs in the last bit."""
    embeddings = np.repeat(_random(rng, 1, length), size, axis=0)
    rows, columns = np.arange(size), rng.integers(length, size=size)
    embeddings[rows, columns] = np.nextafter(embeddings[rows, columns], rng.choice([-9, 9], size))
    return embeddings.astype(np.float32)


def halfway(rng: np.random.Generator, size: int, length: int) -> Floats:
    """Scores with a query of ones in the middle between two float32 numbers, or next to it."""
    embeddings = np.zeros((size, length), dtype=np.float32)
    embeddings[:, 0] = 1 + 2.0**-23 * rng.integers(3, size=size)
    embeddings[:, -1] += 2.0**-24
    embeddings[:, length // 2] += rng.choice([0, 2.0**-90, -(2.0**-90)], size)
    return embeddings


def huge(rng: np.random.Generator, size: int, length: int) -> Floats:
    """The greatest lengths that are not refused."""
    return _normalized(_random(rng, size, length)) * np.float32(_LONGEST)


def tiny(rng: np.random.Generator, size: int, length: int) -> Floats:
    """Squared lengths are 0 in float32, and scores with one another subnormal or 0."""
    exponents = rng.uniform(-38, -18, (size, 1))
    return (_normalized(_random(rng, size, length)) * 10**exponents).astype(np.float32)


def subnormal(rng: np.random.Generator, size: int, length: int) -> Floats:
    """Numbers that some libraries take for 0."""
    return (_random(rng, size, length) * 1e-42).astype(np.float32)


def mixed_scales(rng: np.random.Generator, size: int, length: int) -> Floats:
    """Numbers of all scales; the great ones cancel in a score, so that small ones decide."""
    numbers = (_random(rng, size, length) * 10 ** rng.uniform(-30, 8, (size, length))).astype("f4")
    half = length // 2
    numbers[:, half : 2 * half] = numbers[:, :half] * rng.choice([-1, 1], (size, 1))
    return numbers + (rng.random((size, length)) < 0.1).astype(np.float32)


def with_zeros(rng: np.random.Generator, size: int, length: int) -> Floats:
    """Embeddings of 0 among others."""
    return _random(rng, size, length) * (rng.random((size, 1)) < 0.5).astype(np.float32)


FAMILIES = {
    family.__name__: family
    for family in (
        *(constant, nearly_constant, one_hot, multi_hot, ternary, normalized_ternary),
        *(an_ulp_apart, halfway, huge, tiny, subnormal, mixed_scales, with_zeros, _random),
    )
}


def images(embeddings: Floats, seed: int, first: int = 0) -> Images:
    """Label embeddings, with indices in any order from `first` on."""
    rng, size = np.random.default_rng(seed), len(embeddings)
    return Images(
        torch.from_numpy(np.ascontiguousarray(embeddings, dtype=np.float32)),
        torch.from_numpy(rng.random((size, 3)) < 0.4),
        torch.from_numpy(first + rng.permutation(size)),
    )


def draw_hard(
    asking: str, listed: str, length: int, *, queries: int = 3, gallery: int = 24, seed: int = 0
) -> tuple[Images, Images]:
    """Draw queries of one family, and a gallery half of which is of another."""
    rng = np.random.default_rng(seed)
    half = gallery // 2
    parts = FAMILIES[listed](rng, half, length), FAMILIES[asking](rng, gallery - half, length)
    asked = FAMILIES[asking](rng, queries, length)
    asked[-1] = 1  # the constant query, with which all families are to be ranked
    return images(asked, seed, first=gallery), images(np.concatenate(parts), seed + 1)


def exact_scores_of(queries: Images, gallery: Images) -> Floats:
    """Return the inner products, exact and then rounded to float32: (q, G)."""
    ours, theirs = (_integers(side.embeddings.numpy()) for side in (queries, gallery))
    scores = [[sum(map(int.__mul__, own, other)) for other in theirs] for own in ours]
    return np.array([[_rounded(score) for score in row] for row in scores], dtype=np.float32)


def _integers(embeddings: Floats) -> list[list[int]]:
    """Return the numbers as multiples of 2^-149."""
    return [[int(number * 2.0**149) for number in row] for row in embeddings.tolist()]


def _rounded(score: int) -> np.float32:
    """Round a multiple of 2^-298 to the nearest float32, ties to even."""
    exact = Fraction(score, 2**298)
    near = np.float32(float(exact))
    candidates = [np.nextafter(near, np.float32(end)) for end in (-np.inf, np.inf)]
    return min(
        (near, *candidates),
        key=lambda number: (abs(Fraction(float(number)) - exact), int(number.view(np.uint32)) % 2),
    )


def _normalized(embeddings: Floats) -> Floats:
    length = np.linalg.norm(embeddings, axis=1, keepdims=True)
    normalized: Floats = embeddings / np.maximum(length, np.float32(1e-30))
    return normalized
