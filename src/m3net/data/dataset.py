"""Read images with their labels as batches."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset
from typing_extensions import override

from m3net.data.batch import Batch
from m3net.data.photos.workers import note_item
from m3net.data.records import Record, Records
from m3net.data.transforms import Transform

Reader = Callable[[Record], NDArray[np.uint8]]
"""Turns a record into (H, W, 3) uint8 RGB pixels of any size."""


class RetrievalDataset(Dataset[Batch]):
    """Reads images with their labels, each once for all its attributes.

    The augmentation of a batch depends on the seed, the epoch and its images alone: neither on the
    worker that reads it, nor on earlier batches.
    """

    def __init__(
        self, records: Records, reader: Reader, transform: Transform, seed: int = 0
    ) -> None:
        """Save what reads and changes the images.

        Args:
            records: The images of one split.
            reader: Reads the pixels of a record.
            transform: Brings pixels to one size.
            seed: Seed of the transform; not negative.
        """
        self.records, self.reader, self.transform = records, reader, transform
        self.seed = seed
        # In shared memory, by which workers that live for many epochs learn the epoch.
        epoch = torch.zeros((), dtype=torch.int64)
        self._epoch: Tensor = epoch.share_memory_()  # type: ignore[no-untyped-call]  # torch's gap

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the images that are read next, in all workers."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.records)

    @override
    def __getitem__(self, index: int) -> Batch:
        """Return one image as a batch of size 1."""
        return self.read([index])

    def read(self, drawn: Sequence[int] | Sequence[tuple[int, int]]) -> Batch:
        """Read at least one image as one batch.

        Each image is written straight into the batch, in the layout of the decoder: small buffers
        are reused while they are in the cache, and nothing is stacked or transposed.

        Args:
            drawn: The images, or pairs of an image and the attribute that it was drawn for.
        """
        pairs = np.asarray(drawn, dtype=np.int64)
        for_all = np.full(len(pairs), -1)
        index, attributes = (pairs, for_all) if pairs.ndim == 1 else pairs.T.copy()
        size, images = self.transform.size, index.tolist()
        batch = torch.empty((len(index), size, size, 3), dtype=torch.uint8)
        self.transform.restart(self.seed, int(self._epoch), *images)
        for image, pixels in zip(images, batch.numpy(), strict=True):
            note_item(image)
            pixels[:] = self.transform(self.reader(self.records[image]))
        note_item(-1)
        return {
            "image": batch.permute(0, 3, 1, 2),
            "targets": torch.from_numpy(self.records.targets(images)),
            "annotated": torch.from_numpy(self.records.annotated[index]),
            "roles": torch.from_numpy(self.records.roles[index]),
            "index": torch.from_numpy(index),
            "product": torch.from_numpy(self.records.product_of(index)),
            "drawn_for": torch.from_numpy(attributes),
        }

    # torch's loader reads all images of a batch at once from a data set with this method.
    __getitems__ = read
