"""Samples and batches: what they hold, that each image is read once, and how workers draw."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from m3net.data.batch import Batch, Sample, collate
from m3net.data.dataset import RetrievalDataset
from m3net.data.records import Record, Records
from m3net.data.transforms import Augmentation, Transform

LABELS = [[0, 3], [], [1, 2, 4], [4], [0, 1], [2], [3], [0, 4]]
ANNOTATED = np.random.default_rng(0).random((8, 3)) < 0.5
ROLES = np.random.default_rng(1).integers(4, size=(8, 3), dtype=np.uint8)
SIZE = 20


class Noise:
    """Gives each image pixels of its own, and keeps a list of what was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, record: Record) -> NDArray[np.uint8]:
        self.asked.append(record.path)
        draw = np.random.default_rng(record.row)
        return draw.integers(256, size=(2 * SIZE, SIZE, 3), dtype=np.uint8)


def same(_: Record) -> NDArray[np.uint8]:
    """Give all images the same pixels, so that only augmentation tells them apart."""
    return np.random.default_rng(0).integers(256, size=(SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def records() -> Records:
    return Records.build(
        paths=[f"{i}.jpg" for i in range(8)],
        rows=range(2, 10),
        labels=LABELS,
        annotated=ANNOTATED,
        roles=ROLES,
        num_classes=5,
    )


def augmented(records: Records, augmentation: Augmentation = "strong") -> RetrievalDataset:
    """A data set whose images differ by augmentation alone."""
    return RetrievalDataset(records, same, Transform(SIZE, "letterbox", augmentation))


def test_a_sample_holds_pixels_and_labels_of_its_image(records: Records) -> None:
    reader, transform = Noise(), Transform(SIZE, "letterbox")
    dataset = RetrievalDataset(records, reader, transform)
    assert len(dataset) == 8
    for i in range(8):
        sample = dataset[i]
        assert set(sample) == {"pixels", "targets", "annotated", "roles", "index"}
        expected = transform(reader(records[i]))
        np.testing.assert_array_equal(sample["pixels"].numpy(), expected)
        assert sample["targets"].nonzero().flatten().tolist() == LABELS[i]
        assert sample["annotated"].tolist() == ANNOTATED[i].tolist()
        assert sample["roles"].tolist() == ROLES[i].tolist()
        assert sample["index"].item() == i


def test_shapes_and_dtypes_of_a_sample(records: Records) -> None:
    sample = augmented(records)[2]
    described = {name: (value.shape, value.dtype) for name, value in plain(sample).items()}
    assert described == {
        "pixels": ((SIZE, SIZE, 3), torch.uint8),
        "targets": ((5,), torch.bool),
        "annotated": ((3,), torch.bool),
        "roles": ((3,), torch.uint8),
        "index": ((), torch.int64),
    }


def plain(sample: Sample | Batch) -> dict[str, Tensor]:
    """Give the tensors by name."""
    return {name: value for name, value in sample.items() if isinstance(value, Tensor)}


def test_an_image_is_read_once_for_all_its_attributes(records: Records) -> None:
    reader = Noise()
    dataset = RetrievalDataset(records, reader, Transform(SIZE, "letterbox", "strong"))
    for index in (3, 0, 3):
        dataset[index]
    assert reader.asked == ["3.jpg", "0.jpg", "3.jpg"]


def test_collate_stacks_samples_in_their_order(records: Records) -> None:
    dataset = RetrievalDataset(records, Noise(), Transform(SIZE, "letterbox"))
    samples = [dataset[i] for i in (5, 1, 2)]
    batch = collate(samples)
    described = {name: (value.shape, value.dtype) for name, value in plain(batch).items()}
    assert described == {
        "image": ((3, 3, SIZE, SIZE), torch.uint8),
        "targets": ((3, 5), torch.bool),
        "annotated": ((3, 3), torch.bool),
        "roles": ((3, 3), torch.uint8),
        "index": ((3,), torch.int64),
    }
    for place, sample in enumerate(samples):
        for channel in range(3):
            found = batch["image"][place, channel]
            assert torch.equal(found, sample["pixels"][:, :, channel])
        for name in ("targets", "annotated", "roles", "index"):
            assert torch.equal(plain(batch)[name][place], plain(sample)[name])


def test_a_batch_lies_channels_last_in_memory(records: Records) -> None:
    dataset = augmented(records)
    image = collate([dataset[i] for i in range(4)])["image"]
    assert image.is_contiguous(memory_format=torch.channels_last)


def epochs(dataset: RetrievalDataset, workers: int, seed: int, count: int = 2) -> list[list[bytes]]:
    """Pixels of each image in each of some epochs, after torch was seeded."""
    loader: DataLoader[Sample] = DataLoader(
        dataset,
        batch_size=2,
        num_workers=workers,
        persistent_workers=workers > 0,
        collate_fn=collate,
    )
    torch.manual_seed(seed)
    return [
        [image.numpy().tobytes() for batch in loader for image in batch["image"]]
        for _ in range(count)
    ]


def share_of_repeats(one: Sequence[bytes], other: Sequence[bytes]) -> float:
    """Share of places at which two streams have the same pixels."""
    return sum(a == b for a, b in zip(one, other, strict=True)) / len(one)


@pytest.mark.parametrize("workers", [0, 2])
def test_chance_differs_by_image_worker_and_epoch_and_follows_the_seed(
    workers: int, records: Records
) -> None:
    dataset = augmented(records.select(np.arange(24) % 8))
    first, second = epochs(dataset, workers, seed=0)
    # Chance may leave a picture as it is, and twice is then alike.
    assert len(set(first)) > 18
    assert share_of_repeats(first, second) < 0.2
    # Batches of two go to the workers in turn.
    one, other = ([first[i] for i in range(24) if i // 2 % 2 == worker] for worker in range(2))
    assert share_of_repeats(one, other) < 0.3
    assert epochs(dataset, workers, seed=0) == [first, second]
    assert share_of_repeats(epochs(dataset, workers, seed=1, count=1)[0], first) < 0.2


def test_workers_that_start_anew_each_epoch_go_on_drawing(records: Records) -> None:
    loader: DataLoader[Sample] = DataLoader(
        augmented(records), batch_size=8, num_workers=1, collate_fn=collate
    )
    torch.manual_seed(0)
    first, second = (next(iter(loader))["image"].numpy().tobytes() for _ in range(2))
    assert first != second
