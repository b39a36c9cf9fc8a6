"""Batches: what they hold, that each image is read once, and how workers draw."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, SequentialSampler

from m3net.data.batch import Batch
from m3net.data.datamodules import BaseDataModule, LoadingConfig
from m3net.data.dataset import RetrievalDataset
from m3net.data.records import Record, Records
from m3net.data.transforms import Transform

LABELS = [[0, 3], [], [1, 2, 4], [4], [0, 1], [2], [3], [0, 4]]
ANNOTATED = np.random.default_rng(0).random((8, 3)) < 0.5
ROLES = np.random.default_rng(1).integers(4, size=(8, 3), dtype=np.uint8)
SIZE = 20
LOADING = LoadingConfig(image_size=SIZE, batch_size=3, num_workers=0)


class Noise:
    """Gives each image pixels of its own, and keeps a list of what was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, record: Record) -> NDArray[np.uint8]:
        self.asked.append(record.path)
        draw = np.random.default_rng(record.row)
        return draw.integers(256, size=(2 * SIZE, SIZE, 3), dtype=np.uint8)


def as_it_is(batch: Any) -> Any:  # noqa: ANN401 - torch expects a list of samples here
    return batch


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


def augmented(records: Records, seed: int = 0) -> RetrievalDataset:
    """A data set whose images differ by augmentation alone."""
    return RetrievalDataset(records, same, Transform(SIZE, "letterbox", "strong"), seed)


def test_one_image_holds_pixels_and_labels_of_its_own(records: Records) -> None:
    reader, transform = Noise(), Transform(SIZE, "letterbox")
    dataset = RetrievalDataset(records, reader, transform)
    assert len(dataset) == 8
    for i in range(8):
        batch = dataset[i]
        labels = {"targets", "annotated", "roles", "index", "product", "drawn_for"}
        assert set(batch) == {"image"} | labels
        expected = transform(reader(records[i]))
        np.testing.assert_array_equal(batch["image"][0].permute(1, 2, 0).numpy(), expected)
        assert batch["targets"][0].nonzero().flatten().tolist() == LABELS[i]
        assert batch["annotated"].tolist() == [ANNOTATED[i].tolist()]
        assert batch["roles"].tolist() == [ROLES[i].tolist()]
        assert batch["index"].tolist() == batch["product"].tolist() == [i]
        assert batch["drawn_for"].tolist() == [-1]


def plain(batch: Batch) -> dict[str, Tensor]:
    """Give the tensors by name."""
    return {name: value for name, value in batch.items() if isinstance(value, Tensor)}


def test_an_image_is_read_once_for_all_its_attributes(records: Records) -> None:
    reader = Noise()
    dataset = RetrievalDataset(records, reader, Transform(SIZE, "letterbox", "strong"))
    dataset.read([3, 0, 3])
    assert reader.asked == ["3.jpg", "0.jpg", "3.jpg"]


def test_a_batch_holds_images_in_the_order_that_is_asked_for(records: Records) -> None:
    dataset = RetrievalDataset(records, Noise(), Transform(SIZE, "letterbox"))
    indices = [5, 1, 2]
    batch = dataset.read(indices)
    described = {name: (value.shape, value.dtype) for name, value in plain(batch).items()}
    assert described == {
        "image": ((3, 3, SIZE, SIZE), torch.uint8),
        "targets": ((3, 5), torch.bool),
        "annotated": ((3, 3), torch.bool),
        "roles": ((3, 3), torch.uint8),
        "index": ((3,), torch.int64),
        "product": ((3,), torch.int64),
        "drawn_for": ((3,), torch.int64),
    }
    for place, index in enumerate(indices):
        for name, alone in plain(dataset[index]).items():
            assert torch.equal(plain(batch)[name][place], alone[0])


def test_an_image_drawn_for_an_attribute_differs_in_that_alone(records: Records) -> None:
    dataset = RetrievalDataset(records, Noise(), Transform(SIZE, "letterbox"))
    drawn, free = plain(dataset.read([(5, 2), (1, 0), (5, 1)])), plain(dataset.read([5, 1, 5]))
    assert drawn.pop("drawn_for").tolist() == [2, 0, 1]
    assert free.pop("drawn_for").tolist() == [-1, -1, -1]
    assert all(torch.equal(value, free[name]) for name, value in drawn.items())
    assert all(drawn[name].dtype == value.dtype for name, value in free.items())


def test_a_batch_lies_channels_last_in_memory(records: Records) -> None:
    image = augmented(records).read([0, 1, 2, 3])["image"]
    assert image.is_contiguous(memory_format=torch.channels_last)


def test_the_loader_hands_on_what_the_data_set_read(records: Records) -> None:
    reader = Noise()
    dataset = RetrievalDataset(records, reader, Transform(SIZE, "letterbox"))
    loaded = list(BaseDataModule(LOADING).loader(dataset, SequentialSampler(dataset)))
    assert reader.asked == [f"{i}.jpg" for i in range(8)]
    for batch, indices in zip(loaded, ([0, 1, 2], [3, 4, 5], [6, 7]), strict=True):
        expected = plain(dataset.read(indices))
        assert all(torch.equal(value, expected[name]) for name, value in plain(batch).items())


def test_batches_of_one_seed_and_epoch_are_augmented_differently(records: Records) -> None:
    dataset = augmented(records)
    batches = [dataset.read([first, 0, 0, 0])["image"][1:].numpy() for first in range(8)]
    assert len({batch.tobytes() for batch in batches}) == 8


def epochs(records: Records, workers: int, seed: int, numbers: Sequence[int]) -> list[list[bytes]]:
    """Pixels of each image in each of some epochs, read by processes that live through them."""
    dataset = augmented(records, seed)
    loader: DataLoader[Batch] = DataLoader(
        dataset,
        batch_size=2,
        num_workers=workers,
        persistent_workers=workers > 0,
        collate_fn=as_it_is,
    )
    found = []
    for epoch in numbers:
        dataset.set_epoch(epoch)
        found.append([image.numpy().tobytes() for batch in loader for image in batch["image"]])
    return found


def share_of_repeats(one: Sequence[bytes], other: Sequence[bytes]) -> float:
    """Share of places at which two streams have the same pixels."""
    return sum(a == b for a, b in zip(one, other, strict=True)) / len(one)


def test_chance_follows_seed_and_epoch_whoever_reads_and_whatever_was_read(
    records: Records,
) -> None:
    several = records.select(np.arange(24) % 8)
    first, second = epochs(several, 0, 0, [3, 4])
    # Chance may leave a picture as it is, and twice is then alike.
    assert len(set(first)) > 18
    assert share_of_repeats(first, second) < 0.2
    for workers in (0, 1, 2):
        assert epochs(several, workers, 0, [4, 3]) == [second, first]
    assert share_of_repeats(epochs(several, 0, 1, [3])[0], first) < 0.2
