"""Triplets: what each is, how evenly they are drawn, how ranks share them, and what is refused."""

from collections import Counter, defaultdict
from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from m3net.data.records import Records
from m3net.data.samplers import TripletSampler, members_by_class
from m3net.errors import ConfigError

# Attribute 0 has three classes, 1 two, 2 two.
CLASSES = [(0, 1, 2), (3, 4), (5, 6)]
ATTRIBUTE_OF_CLASS = np.array([0, 0, 0, 1, 1, 2, 2])

Labels = list[list[int]]
Triplet = tuple[int, int, int, int]

# One class of each attribute, or none.
SINGLE = st.tuples(*(st.sampled_from([(), *((c,) for c in own)]) for own in CLASSES)).map(
    lambda parts: [c for part in parts for c in part]
)
SEVERAL = st.sets(st.integers(0, 6)).map(sorted)


def make_sampler(
    labels: Labels,
    triplets_per_epoch: int = 60,
    batch_size: int = 12,
    seed: int = 0,
    place: tuple[int, int] = (0, 1),
) -> TripletSampler:
    """A sampler over images with these labels."""
    shape = (len(labels), 3)
    records = Records.build(
        paths=[f"{i}.jpg" for i in range(len(labels))],
        rows=range(2, len(labels) + 2),
        labels=labels,
        annotated=np.ones(shape, dtype=np.bool_),
        roles=np.zeros(shape, dtype=np.uint8),
        num_classes=7,
    )
    members = members_by_class(records, ATTRIBUTE_OF_CLASS)
    return TripletSampler(members, triplets_per_epoch, batch_size, seed, *place)


def triplets_of(sampler: TripletSampler) -> list[Triplet]:
    """An epoch as (attribute, anchor, positive, negative)."""
    drawn = list(sampler)
    found = []
    for place in range(0, len(drawn), 3):
        images, attributes = zip(*drawn[place : place + 3], strict=True)
        assert len(set(attributes)) == 1
        found.append((attributes[0], *images))
    return found


def chances(labels: Labels) -> dict[Triplet, float]:
    """The chance of each triplet, by going through all choices in the order they are drawn in."""
    routes: dict[int, dict[int, dict[int, list[Triplet]]]] = {}
    for a, own in enumerate(CLASSES):
        for positive, negative in permutations(own, 2):
            for anchor, other in permutations(range(len(labels)), 2):
                for image, carried in enumerate(labels):
                    pair = positive in labels[anchor] and positive in labels[other]
                    if pair and negative in carried and positive not in carried:
                        by_class = routes.setdefault(a, {}).setdefault(positive, {})
                        by_class.setdefault(negative, []).append((a, anchor, other, image))
    found: defaultdict[Triplet, float] = defaultdict(float)
    for by_positive in routes.values():
        for by_negative in by_positive.values():
            for triplets in by_negative.values():
                choices = len(routes) * len(by_positive) * len(by_negative) * len(triplets)
                for triplet in triplets:
                    found[triplet] += 1 / choices
    return found


@pytest.mark.parametrize("image", [SINGLE, SEVERAL], ids=["single", "several"])
def test_each_triplet_is_one_and_each_attribute_that_has_any_is_drawn(
    image: st.SearchStrategy[list[int]],
) -> None:
    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(st.lists(image, min_size=3, max_size=9))
    def check(labels: Labels) -> None:
        possible = chances(labels)
        assume(possible)
        drawn = triplets_of(make_sampler(labels))
        assert len(drawn) == 60
        assert set(drawn) <= set(possible)
        assert {attribute for attribute, *_ in drawn} == {attribute for attribute, *_ in possible}

    check()


# Class 2 has one image, class 1 none that lacks 0, and attribute 2 none that lacks 6.
UNEVEN: Labels = [[0, 3], [0, 3], [0, 1, 3], [0, 1, 4], [2, 4], [0, 5, 6], [0, 6], [3, 6]]
PLAIN: Labels = [[0]] * 5 + [[1]] * 2 + [[2]] + [[3]] * 2 + [[4]] * 3


@pytest.mark.parametrize("labels", [UNEVEN, PLAIN], ids=["several", "single"])
def test_triplets_come_as_often_as_classes_drawn_first_would_have_them(labels: Labels) -> None:
    expected = chances(labels)
    assert sum(expected.values()) == pytest.approx(1)
    met = Counter(triplets_of(make_sampler(labels, triplets_per_epoch=20_000)))
    assert set(met) == set(expected)
    squares = sum((met[t] - 20_000 * p) ** 2 / (20_000 * p) for t, p in expected.items())
    freedom = len(expected) - 1
    assert abs(squares - freedom) < 5 * (2 * freedom) ** 0.5


def test_attributes_and_classes_are_drawn_evenly_however_many_images_they_have() -> None:
    labels = [[0]] * 900 + [[1]] * 90 + [[2]] * 9 + [[3]] * 500 + [[4]] * 2
    pairs = Counter(
        (labels[anchor][0], labels[negative][0])
        for _, anchor, _, negative in triplets_of(make_sampler(labels, 12_000))
    )
    shares = dict.fromkeys(permutations(CLASSES[0], 2), 1 / 12)
    shares |= dict.fromkeys(permutations(CLASSES[1], 2), 1 / 4)
    assert set(pairs) == set(shares)
    for pair, share in shares.items():
        spread = (12_000 * share * (1 - share)) ** 0.5
        assert abs(pairs[pair] - 12_000 * share) < 4.5 * spread


def test_the_one_right_negative_among_many_wrong_ones_is_found() -> None:
    labels = [[0, 1]] * 400 + [[1]]
    assert {negative for *_, negative in triplets_of(make_sampler(labels, 300))} == {400}


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_share_the_batches_of_one_process(world_size: int) -> None:
    def batches(*place: int) -> list[tuple[tuple[int, int], ...]]:
        sampler = make_sampler(PLAIN, 97, place=(place[0], place[1]))
        drawn = list(sampler)
        assert len(drawn) == len(sampler)
        return [tuple(drawn[start : start + 12]) for start in range(0, len(drawn), 12)]

    alone = batches(0, 1)
    assert len(alone) == len(set(alone)) == 97 // 4
    shares = [batches(rank, world_size) for rank in range(world_size)]
    assert {len(share) for share in shares} == {97 // (4 * world_size)}
    taken = [batch for step in zip(*shares, strict=True) for batch in step]
    assert taken == alone[: len(taken)]


def test_order_depends_on_seed_and_epoch_alone() -> None:
    orders = {}
    for seed in (0, 1):
        for epoch in (0, 1):
            sampler, again = make_sampler(UNEVEN, seed=seed), make_sampler(UNEVEN, seed=seed)
            sampler.set_epoch(epoch)
            again.set_epoch(epoch)
            np.random.seed(epoch)  # noqa: NPY002 - must not matter
            orders[seed, epoch] = tuple(sampler)
            assert tuple(sampler) == tuple(again) == orders[seed, epoch]
    assert len(set(orders.values())) == 4


@pytest.mark.parametrize("batch_size", [1, 16, 64])
def test_a_batch_that_threes_do_not_fill_is_refused(batch_size: int) -> None:
    with pytest.raises(ConfigError, match="batch_size"):
        make_sampler(PLAIN, batch_size=batch_size)


def test_an_epoch_without_a_batch_on_each_process_is_refused() -> None:
    assert len(make_sampler(PLAIN, 8, place=(1, 2))) == 12
    with pytest.raises(ConfigError, match="triplets_per_epoch is 7, fewer than the 8"):
        make_sampler(PLAIN, 7, place=(1, 2))


@pytest.mark.parametrize(
    "labels",
    [
        [[], []],
        [[0]] * 5,
        [[0], [1], [2], [3], [4]],
        [[0, 1], [0], [0]],
        [[0, 3], [0, 5], [3]],
    ],
    ids=["unlabelled", "one class", "one image each", "within", "other attributes"],
)
def test_images_that_give_no_triplet_are_refused(labels: Labels) -> None:
    assert not chances(labels)
    with pytest.raises(ConfigError, match="triplet"):
        make_sampler(labels)
