"""The random baseline against all orders of a small gallery, and random ones of a larger one."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest

from m3net.metrics.random_baseline import chance_average_precision, recall_ceiling


def average_precision(ranks: tuple[int, ...]) -> Fraction:
    """Return the average precision of relevant images at these ranks, counted from 1."""
    hits = [Fraction(number, rank) for number, rank in enumerate(sorted(ranks), start=1)]
    return sum(hits, Fraction()) / len(hits)


@pytest.mark.parametrize("num_gallery", range(1, 9))
def test_chance_is_the_mean_over_all_orders(num_gallery: int) -> None:
    relevant = range(1, num_gallery + 1)
    expected = []
    for number in relevant:
        orders = list(combinations(range(1, num_gallery + 1), number))
        expected.append(float(sum(map(average_precision, orders), Fraction()) / len(orders)))
    found = chance_average_precision(np.array(relevant), np.full(num_gallery, num_gallery))
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_chance_of_galleries_of_several_sizes_at_once() -> None:
    relevant, gallery = np.array([3, 0, 1, 5]), np.array([7, 9, 1, 20])
    together = chance_average_precision(relevant, gallery)
    alone = [
        chance_average_precision(relevant[[i]], gallery[[i]]).item() for i in range(len(gallery))
    ]
    assert together.tolist() == alone
    assert together[1] == 0


def test_chance_of_a_drawn_order() -> None:
    rng = np.random.default_rng(0)
    drawn = [
        float(average_precision(tuple((rng.choice(300, size=40, replace=False) + 1).tolist())))
        for _ in range(2000)
    ]
    expected = chance_average_precision(np.array([40]), np.array([300])).item()
    assert abs(np.mean(drawn) - expected) < 4 * np.std(drawn) / 2000**0.5


def test_no_query() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert chance_average_precision(none, none).shape == (0,)
    assert recall_ceiling(none).shape == (0,)


def test_recall_cannot_exceed_its_ceiling() -> None:
    assert recall_ceiling(np.array([0, 1, 4, 5, 8]), k=4).tolist() == [0, 1, 1, 0.8, 0.5]
