from dataclasses import replace

import numpy as np
import pytest

from m3net.data.records import Records

NUM_CLASSES = 9


@pytest.fixture
def labels() -> list[list[int]]:
    draw = np.random.default_rng(3)
    sizes = draw.integers(0, 4, size=40)
    return [sorted(draw.choice(NUM_CLASSES, size=n, replace=False).tolist()) for n in sizes]


@pytest.fixture
def records(labels: list[list[int]]) -> Records:
    draw = np.random.default_rng(4)
    n = len(labels)
    built = Records.build(
        paths=[f"ærme/{i}.jpg" for i in range(n)],
        rows=list(range(2, n + 2)),
        labels=labels,
        annotated=draw.random((n, 3)) < 0.5,
        roles=draw.integers(0, 4, size=(n, 3), dtype=np.uint8),
        num_classes=NUM_CLASSES,
    )
    return replace(built, boxes=draw.integers(0, 300, size=(n, 4), dtype=np.int32))


@pytest.mark.parametrize("indices", [[], [5], [39, 3, 3, 0]])
def test_images_stand_for_their_product_or_for_themselves(
    records: Records, indices: list[int]
) -> None:
    chosen = np.array(indices, dtype=np.int64)
    assert records.product_of(chosen).tolist() == indices
    known = replace(records, products=np.arange(40) // 3)
    assert known.product_of(chosen).tolist() == [index // 3 for index in indices]
    everyone = np.arange(len(indices))
    assert known.select(chosen).product_of(everyone).tolist() == [index // 3 for index in indices]


def test_targets_against_a_loop(records: Records, labels: list[list[int]]) -> None:
    indices = [7, 0, 39, 7]
    targets = records.targets(indices)
    assert targets.shape == (4, NUM_CLASSES)
    for row, index in enumerate(indices):
        for class_id in range(NUM_CLASSES):
            assert targets[row, class_id] == (class_id in labels[index])


@pytest.mark.parametrize("indices", [[], [5], [39, 3, 3, 0], list(range(40))[::-1]])
def test_select_against_a_loop(records: Records, indices: list[int]) -> None:
    selected = records.select(np.array(indices, dtype=np.int64))
    assert [selected[place] for place in range(len(selected))] == [records[i] for i in indices]
    for place, index in enumerate(indices):
        np.testing.assert_array_equal(selected.roles[place], records.roles[index])
    assert selected.boxes is not None
    assert selected.boxes.shape == (len(indices), 4)
    assert selected.num_classes == NUM_CLASSES
    assert selected.offsets.dtype == np.int64


def test_record_holds_what_was_given(records: Records, labels: list[list[int]]) -> None:
    record = records[11]
    assert (record.path, record.row) == ("ærme/11.jpg", 13)
    assert list(record.class_ids) == labels[11]
    assert list(record.annotated) == [a for a in range(3) if records.annotated[11, a]]
    assert records.boxes is not None
    assert record.box == tuple(int(side) for side in records.boxes[11])


def test_without_boxes_no_record_has_one(records: Records) -> None:
    bare = replace(records, boxes=None)
    assert bare[11] == replace(records[11], box=None)
    assert bare.select(np.array([3, 1])).boxes is None


def test_labels_per_attribute_against_a_loop(records: Records, labels: list[list[int]]) -> None:
    attribute_of_class = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2])
    expected = [[sum(attribute_of_class[c] == a for c in own) for a in range(3)] for own in labels]
    counts = records.labels_per_attribute(attribute_of_class)
    assert counts.tolist() == expected
    assert counts.max() > 1
    assert counts.dtype == np.int64


def test_images_per_class_against_a_loop(records: Records, labels: list[list[int]]) -> None:
    expected = [sum(c in of_image for of_image in labels) for c in range(NUM_CLASSES)]
    assert records.images_per_class().tolist() == expected
