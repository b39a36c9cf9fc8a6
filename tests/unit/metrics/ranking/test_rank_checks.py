"""What the ranking refuses."""

from dataclasses import replace
from math import inf, nan
from typing import Any

import numpy as np
import pytest
import torch

from m3net.errors import ConfigError, M3NetError
from m3net.metrics import Images, MetricsConfig, rank


def images(values: list[float], first: int = 0, length: int = 1, classes: int = 1) -> Images:
    """Return images whose embeddings repeat one value, and that have all classes."""
    size = len(values)
    return Images(
        torch.tensor(values)[:, None].repeat(1, length),
        torch.ones(size, classes, dtype=torch.bool),
        torch.arange(first, first + size),
    )


@pytest.mark.parametrize("value", [nan, inf, -inf, 1e30])
def test_embeddings_that_cannot_be_scored_are_named(value: float) -> None:
    bad = images([0.5, value, 0.1], first=40)
    with pytest.raises(M3NetError, match="images 41 are not finite"):
        rank(images([1.0]), bad)
    with pytest.raises(M3NetError, match="images 41 are not finite"):
        rank(bad, images([1.0]))


def test_many_bad_embeddings_are_counted() -> None:
    with pytest.raises(M3NetError, match="images 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more are"):
        rank(images([1.0]), images([nan] * 12, first=1))


def test_queries_and_gallery_must_match() -> None:
    with pytest.raises(ValueError, match="embeddings of the queries have 1 columns, of the gal"):
        rank(images([1.0]), images([1.0], length=2))
    with pytest.raises(ValueError, match="targets of the queries have 3 columns, of the gallery 1"):
        rank(images([1.0], classes=3), images([1.0]))


@pytest.mark.parametrize(
    ("block_size", "top_k", "message"),
    [
        (0, 1, "block_size 0 .* must be at least 1"),
        (1, -1, "top_k must be at least 0, not -1"),
        (-1, 5, "block_size -1 .* must be at least 1"),
    ],
)
def test_sizes_must_be_positive(block_size: int, top_k: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rank(images([1.0]), images([1.0]), block_size=block_size, top_k=top_k)


@pytest.mark.parametrize("cutoffs", [(0,), (5, -1), (10, 10)])
def test_cutoffs_must_be_positive_and_differ(cutoffs: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="cutoffs must be at least 1 and differ"):
        rank(images([1.0]), images([1.0]), cutoffs=cutoffs)


@pytest.mark.parametrize("criteria", [{"cutoffs": (1.5,)}, {"cutoffs": (5, 2.0)}, {"top_k": 0.5}])
def test_cutoffs_and_top_k_must_be_integers(criteria: Any) -> None:  # noqa: ANN401 - no integers
    with pytest.raises(ValueError, match=r"cutoffs \(.*\) and top_k .* must be integers"):
        rank(images([1.0]), images([1.0]), **criteria)


def test_integers_of_numpy_are_integers() -> None:
    criteria: Any = {"cutoffs": np.array([1, 5]), "top_k": np.int64(1)}
    assert rank(images([1.0]), images([1.0], first=1), **criteria).top_index.tolist() == [[1]]


def test_products_are_known_of_all_images_or_of_none() -> None:
    known = replace(images([1.0]), product=torch.tensor([3]))
    for queries, gallery in ((known, images([1.0])), (images([1.0]), known)):
        with pytest.raises(ValueError, match="products of both queries and gallery"):
            rank(queries, gallery)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *[("cutoffs", value) for value in ((), (0,), (10, 10), (1.5,))],
        *[("without_relevant", "drop"), ("top_k", -1), ("top_k", 2.5)],
        *[("memory_limit", 0), ("gallery_limit", 0)],
    ],
)
def test_settings_out_of_range_are_refused(setting: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"metrics setting {setting} is .*: it must be"):
        MetricsConfig(**{setting: value})  # type: ignore[arg-type]
