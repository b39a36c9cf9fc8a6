"""Strata divided: shares are exact in each class, and neither order nor other classes matter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from m3net.data.records import Records, Role
from m3net.data.splits import draw_strata_roles, split_strata
from m3net.errors import ConfigError

SIZES = [10, 20, 7, 1, 130]


def records_of(paths: list[str], stratum: NDArray[np.int64]) -> Records:
    annotated = np.ones((len(paths), 1), dtype=np.bool_)
    none = np.zeros((len(paths), 1), dtype=np.uint8)
    rows = range(1, len(paths) + 1)
    labels = stratum[:, None].tolist()
    return Records.build(paths, rows, labels, annotated, none, int(stratum.max(initial=0)) + 1)


STRATUM = np.repeat(np.arange(len(SIZES)), SIZES)
PATHS = [f"img/{number}.jpg" for number in range(len(STRATUM))]
RECORDS = records_of(PATHS, STRATUM)


@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    weights=st.lists(st.integers(1, 9), min_size=2, max_size=4),
    seed=st.integers(0, 9),
)
def test_shares_are_exact_in_each_class(sizes: list[int], weights: list[int], seed: int) -> None:
    stratum = np.repeat(np.arange(len(sizes)), sizes)
    records = records_of([f"{number}.jpg" for number in range(len(stratum))], stratum)
    fractions = tuple(weight / sum(weights) for weight in weights)
    part = split_strata(records, stratum, fractions, seed)
    assert set(part.tolist()) <= set(range(len(weights)))
    for own, size in enumerate(sizes):
        counts = np.bincount(part[stratum == own], minlength=len(weights))
        # No whole numbers of images are nearer to the borders between the shares.
        off = np.cumsum(counts) - np.cumsum(fractions) * size
        assert np.abs(off).max() < 0.5 + 1e-9


def test_eight_to_one_to_one() -> None:
    part = split_strata(RECORDS, STRATUM, (0.8, 0.1, 0.1), seed=0)
    counts = [np.bincount(part[own == STRATUM], minlength=3).tolist() for own in (0, 1, 4)]
    assert counts == [[8, 1, 1], [16, 2, 2], [104, 13, 13]]


def test_a_share_of_each_class_asks() -> None:
    roles = draw_strata_roles(RECORDS, STRATUM, 0.2, seed=0)[:, 0]
    assert set(roles.tolist()) == {Role.QUERY, Role.GALLERY}
    asked = [int((roles[own == STRATUM] == Role.QUERY).sum()) for own in range(len(SIZES))]
    assert [asked[own] for own in (0, 1, 4)] == [2, 4, 26]


def test_only_annotated_attributes_have_roles() -> None:
    annotated = np.arange(len(PATHS) * 2).reshape(-1, 2) % 2 == 0
    records = Records.build(
        PATHS, [0] * len(PATHS), [[0]] * len(PATHS), annotated, annotated.astype(np.uint8), 1
    )
    assert ((draw_strata_roles(records, STRATUM, 0.2, 0) > 0) == annotated).all()


@given(st.permutations(range(len(PATHS))))
def test_the_order_of_the_rows_is_irrelevant(order: list[int]) -> None:
    mixed = records_of([PATHS[place] for place in order], STRATUM[order])
    fractions = (0.5, 0.3, 0.2)
    parts = split_strata(RECORDS, STRATUM, fractions, 3)
    assert split_strata(mixed, STRATUM[order], fractions, 3).tolist() == parts[order].tolist()
    roles = draw_strata_roles(RECORDS, STRATUM, 0.3, 3)
    assert draw_strata_roles(mixed, STRATUM[order], 0.3, 3).tolist() == roles[order].tolist()


def test_another_class_changes_nothing() -> None:
    own = np.flatnonzero(STRATUM != 4)
    alone = RECORDS.select(own)
    parts = split_strata(RECORDS, STRATUM, (0.5, 0.5), 0)
    assert split_strata(alone, STRATUM[own], (0.5, 0.5), 0).tolist() == parts[own].tolist()


def test_another_seed_gives_another_division() -> None:
    first, second = (split_strata(RECORDS, STRATUM, (0.5, 0.5), seed) for seed in (0, 1))
    assert (first != second).any()


def test_queries_do_not_follow_the_split() -> None:
    """One hash for both would let the images next to the border of the split ask."""
    part = split_strata(RECORDS, STRATUM, (0.5, 0.5), 0)
    roles = draw_strata_roles(RECORDS, STRATUM, 0.5, 0)[:, 0]
    assert len({*zip(part.tolist(), roles.tolist(), strict=True)}) == 4


def test_no_images() -> None:
    none = RECORDS.select(np.arange(0))
    assert split_strata(none, STRATUM[:0], (0.5, 0.5), 0).shape == (0,)
    assert draw_strata_roles(none, STRATUM[:0], 0.5, 0).shape == (0, 1)


@pytest.mark.parametrize("fractions", [(0.5, 0.6), (1.0, 0.0), (1.2, -0.2)])
def test_fractions_out_of_range(fractions: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match=r"data\.fractions is .*: set numbers above 0"):
        split_strata(RECORDS, STRATUM, fractions, 0)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_query_fractions_out_of_range(share: float) -> None:
    with pytest.raises(ConfigError, match=r"data\.query_fraction is .*: set it"):
        draw_strata_roles(RECORDS, STRATUM, share, 0)
