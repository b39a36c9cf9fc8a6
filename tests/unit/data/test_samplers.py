"""Samplers: what an epoch holds, how ranks share it, and how evenly classes are drawn."""

import math
from collections import Counter

import numpy as np
import pytest

from m3net.data.records import Records
from m3net.data.samplers import BalancedSampler, ShuffleSampler, members_by_class

# Attribute 0 has three classes, 1 two, 2 one.
ATTRIBUTE_OF_CLASS = np.array([0, 0, 0, 1, 1, 2])


def make_records(labels: list[list[int]], num_classes: int = 6) -> Records:
    """Records with these class ids."""
    shape = (len(labels), 3)
    return Records.build(
        paths=[f"{i}.jpg" for i in range(len(labels))],
        rows=range(2, len(labels) + 2),
        labels=labels,
        annotated=np.ones(shape, dtype=np.bool_),
        roles=np.zeros(shape, dtype=np.uint8),
        num_classes=num_classes,
    )


def one_label_each(num_images: int) -> list[list[int]]:
    """Labels as FashionAI has them: one class of one attribute, some classes being rare."""
    shares = np.array([0.4, 0.2, 0.02, 0.25, 0.03, 0.1])
    drawn = np.random.default_rng(0).choice(6, size=num_images, p=shares)
    return [[label] for label in drawn.tolist()]


def shuffle(rank: int = 0, world_size: int = 1, seed: int = 0, batch_size: int = 4) -> list[int]:
    """The order of one rank over 53 images."""
    return list(ShuffleSampler(53, batch_size, seed, rank, world_size))


def balanced(
    labels: list[list[int]],
    rank: int = 0,
    world_size: int = 1,
    seed: int = 0,
    batch_size: int = 16,
    images_per_class: int = 4,
) -> BalancedSampler:
    """A sampler over images with these labels."""
    members = members_by_class(make_records(labels), ATTRIBUTE_OF_CLASS)
    share = (len(labels), batch_size, seed, rank, world_size)
    return BalancedSampler(members, images_per_class, *share)


def batches_of(sampler: ShuffleSampler) -> list[list[int]]:
    """An epoch, batch by batch."""
    order, size = list(sampler), sampler.batch_size
    return [order[start : start + size] for start in range(0, len(order), size)]


def test_members_by_class_equals_a_loop() -> None:
    draw = np.random.default_rng(1)
    labels = [np.flatnonzero(draw.random(6) < 0.3).tolist() for _ in range(40)]
    members = members_by_class(make_records(labels), ATTRIBUTE_OF_CLASS)
    for attribute, classes in enumerate([(0, 1, 2), (3, 4), (5,)]):
        expected = [[i for i, own in enumerate(labels) if c in own] for c in classes]
        assert [images.tolist() for images in members[attribute]] == expected


def test_members_leave_out_classes_without_images() -> None:
    members = members_by_class(make_records([[0], [2], [0, 2], []]), ATTRIBUTE_OF_CLASS)
    found = [[images.tolist() for images in classes] for classes in members]
    assert found == [[[0, 2], [1, 2]], [], []]


def test_shuffle_takes_each_image_at_most_once_and_fills_all_batches() -> None:
    order = shuffle()
    assert len(order) == len(ShuffleSampler(53, 4, 0, 0, 1)) == 52
    assert len(set(order)) == 52
    assert set(order) < set(range(53))
    assert order != sorted(order)


def test_shuffle_leaves_out_other_images_in_another_epoch() -> None:
    sampler = ShuffleSampler(53, 4, 0, 0, 1)
    left_out = set()
    for epoch in range(30):
        sampler.set_epoch(epoch)
        left_out |= set(range(53)) - set(sampler)
    assert len(left_out) > 10


@pytest.mark.parametrize("kind", ["shuffle", "balanced"])
def test_order_depends_on_seed_and_epoch_alone(kind: str) -> None:
    def make(seed: int) -> ShuffleSampler:
        if kind == "balanced":
            return balanced(one_label_each(100), seed=seed)
        return ShuffleSampler(100, 16, seed, 0, 1)

    orders = {}
    for seed in (0, 1):
        for epoch in (0, 1):
            sampler = make(seed)
            sampler.set_epoch(epoch)
            np.random.seed(epoch)  # noqa: NPY002 - must not matter
            orders[seed, epoch] = tuple(sampler)
            assert tuple(sampler) == orders[seed, epoch]
            again = make(seed)
            again.set_epoch(epoch)
            assert tuple(again) == orders[seed, epoch]
    assert len(set(orders.values())) == 4
    assert tuple(make(0)) == orders[0, 0]


@pytest.mark.parametrize("kind", ["shuffle", "balanced"])
@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_share_the_batches_of_one_process(kind: str, world_size: int) -> None:
    def make(rank: int, world_size: int) -> ShuffleSampler:
        if kind == "balanced":
            return balanced(one_label_each(130), rank, world_size)
        return ShuffleSampler(130, 16, 0, rank, world_size)

    alone = batches_of(make(0, 1))
    shares = [make(rank, world_size) for rank in range(world_size)]
    for share in shares:
        assert len(list(share)) == len(share) == 16 * (130 // (16 * world_size))
    # Batch by batch, the ranks take what one process would take one after the other.
    taken = [batch for step in zip(*map(batches_of, shares), strict=True) for batch in step]
    assert taken == alone[: len(taken)]
    if kind == "shuffle":
        images = [image for batch in taken for image in batch]
        assert len(set(images)) == len(images)


@pytest.mark.parametrize("num_images", [16, 17, 200])
def test_no_image_stands_in_a_balanced_batch_twice(num_images: int) -> None:
    sampler = balanced(one_label_each(num_images))
    batches = batches_of(sampler)
    assert len(batches) == num_images // 16
    for batch in batches:
        assert len(batch) == len(set(batch)) == 16


def with_positive(batch: list[int], labels: list[list[int]]) -> int:
    """Count the images of a batch that share a class with another one in it."""
    met = Counter(c for image in batch for c in labels[image])
    return sum(any(met[c] > 1 for c in labels[image]) for image in batch)


def test_nearly_every_image_of_a_balanced_batch_meets_a_positive() -> None:
    labels = one_label_each(2000)
    found = [with_positive(batch, labels) for batch in batches_of(balanced(labels))]
    # Only the last group of a batch may be cut, to one image.
    assert min(found) >= 15
    assert sum(found) / (16 * len(found)) > 0.99
    shuffled = [
        with_positive(batch, labels) for batch in batches_of(ShuffleSampler(2000, 16, 0, 0, 1))
    ]
    assert sum(shuffled) < sum(found)


def test_groups_are_drawn_evenly_over_attributes_and_over_their_classes() -> None:
    # Batches of one group each, so that the groups can be told apart.
    labels = one_label_each(4000)
    batches = batches_of(balanced(labels, batch_size=4, seed=3))
    groups = [{c for image in batch for c in labels[image]} for batch in batches]
    assert all(len(group) == 1 for group in groups)
    met = Counter(group.pop() for group in groups)
    for c, attribute in enumerate(ATTRIBUTE_OF_CLASS.tolist()):
        chance = 1 / 3 / ATTRIBUTE_OF_CLASS.tolist().count(attribute)
        spread = math.sqrt(len(batches) * chance * (1 - chance))
        assert abs(met[c] - len(batches) * chance) < 4 * spread


def test_images_of_a_class_are_drawn_evenly() -> None:
    labels = [[0]] * 40
    sampler = balanced(labels, batch_size=4)
    drawn: Counter[int] = Counter()
    for epoch in range(200):
        sampler.set_epoch(epoch)
        drawn.update(sampler)
    total = 200 * 40
    spread = math.sqrt(total / 40 * (1 - 1 / 40))
    assert max(abs(drawn[i] - total / 40) for i in range(40)) < 4.5 * spread


def test_images_with_several_labels_stand_in_a_batch_once() -> None:
    labels = [[0, 3, 5]] * 30 + [[1, 4, 5]] * 30
    for batch in batches_of(balanced(labels)):
        assert len(set(batch)) == 16


@pytest.mark.parametrize("labelled", [1, 3, 10])
def test_few_labelled_images_do_not_hang_and_all_come(labelled: int) -> None:
    labels = [[0]] * labelled + [[]] * (64 - labelled)
    for batch in batches_of(balanced(labels)):
        assert len(set(batch)) == 16
        assert set(range(labelled)) <= set(batch)


def test_an_attribute_without_any_class_in_training_is_left_out() -> None:
    labels: list[list[int]] = [[0], [1], [2]] * 20
    sampler = balanced(labels)
    assert {c for image in sampler for c in labels[image]} == {0, 1, 2}
