"""The radix sort against numpy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from m3net.metrics.ranking.sorting import sort_rows


@settings(deadline=None)  # the first call compiles
@given(
    arrays(
        np.int32,
        array_shapes(min_dims=2, max_dims=2, max_side=40),
        elements=st.integers(-(2**31), 2**31 - 1),
    )
)
def test_rows_are_in_the_order_of_numpy(
    keys: np.ndarray[tuple[int, ...], np.dtype[np.int32]],
) -> None:
    before = keys.copy()
    assert np.array_equal(sort_rows(keys), np.sort(keys, axis=1))
    assert np.array_equal(keys, before)


@pytest.mark.parametrize("size", [0, 1, 5000])
def test_long_rows_with_many_equal_keys(size: int) -> None:
    rng = np.random.default_rng(0)
    for spread in (3, 5000, 2**31 - 1):
        keys = rng.integers(-spread, spread, (3, size), dtype=np.int32)
        assert np.array_equal(sort_rows(keys), np.sort(keys, axis=1))
