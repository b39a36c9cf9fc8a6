"""The radix sort against numpy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from m3net.metrics.ranking.cpu_loops import LOW
from m3net.metrics.ranking.radix_sort import UNSORTED, sort_rows

Keys = np.ndarray[tuple[int, ...], np.dtype[np.int32]]


def by_numpy(keys: Keys) -> Keys:
    """Sort stably by the bits that count."""
    order = np.argsort(keys >> UNSORTED, axis=1, kind="stable")
    return np.take_along_axis(keys, order, axis=1)


def test_the_bits_that_are_not_sorted_are_those_below_the_score() -> None:
    assert 2**UNSORTED - 1 == LOW


@settings(deadline=None)  # the first call compiles
@given(
    arrays(
        np.int32,
        array_shapes(min_dims=2, max_dims=2, max_side=40),
        elements=st.integers(-(2**31), 2**31 - 1),
    )
)
def test_rows_are_in_the_order_of_numpy(keys: Keys) -> None:
    before = keys.copy()
    assert np.array_equal(sort_rows(keys), by_numpy(keys))
    assert np.array_equal(keys, before)


@pytest.mark.parametrize("size", [0, 1, 5000])
def test_long_rows_with_many_equal_keys(size: int) -> None:
    rng = np.random.default_rng(0)
    for spread in (3, 100, 5000, 2**31 - 1):
        keys = rng.integers(-spread, spread, (3, size), dtype=np.int32)
        assert np.array_equal(sort_rows(keys), by_numpy(keys))
