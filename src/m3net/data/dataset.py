"""Records and pixels become batches; nothing else happens here."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from m3net.data.batch import Batch
from m3net.data.records import Record, Records
from m3net.data.transforms import Transform

Reader = Callable[[Record], NDArray[np.uint8]]
"""Turns a record into (H, W, 3) uint8 RGB pixels of any size."""


class RetrievalDataset(Dataset[Batch]):
    """Reads images and their labels; decodes each once for all its attributes.

    What chance does to a batch is known from the seed, the epoch and the images in it: not from the
    process that reads it, nor from what was read before.
    """

    def __init__(
        self, records: Records, reader: Reader, transform: Transform, seed: int = 0
    ) -> None:
        """Put the three together.

        Args:
            records: The images of one split.
            reader: Gives the pixels of a record.
            transform: Makes pixels of one size of them.
            seed: Of the transform's chance; not negative.
        """
        self.records, self.reader, self.transform = records, reader, transform
        self.seed = seed
        # Loader processes that live for many epochs have no other way to learn which one it is.
        epoch = torch.zeros((), dtype=torch.int64)
        self._epoch: Tensor = epoch.share_memory_()  # type: ignore[no-untyped-call]  # torch's gap

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the images that are read next belong to, in all processes."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        """Give the number of images."""
        return len(self.records)

    def __getitem__(self, index: int) -> Batch:
        """Give one image as a batch of its own."""
        return self.read([index])

    def read(self, drawn: Sequence[int] | Sequence[tuple[int, int]]) -> Batch:
        """Give some images, at least one, as one batch.

        Each goes straight to its place in the batch, laid out as the decoder left it: small
        buffers are used again while they are warm, and nothing is stacked or transposed.

        Args:
            drawn: The images, or each with the attribute that it was drawn for.
        """
        pairs = np.asarray(drawn, dtype=np.int64)
        for_all = np.full(len(pairs), -1)
        index, attributes = (pairs, for_all) if pairs.ndim == 1 else pairs.T.copy()
        size, indices = self.transform.size, index.tolist()
        image = torch.empty((len(index), size, size, 3), dtype=torch.uint8)
        self.transform.restart(self.seed, int(self._epoch), *indices)
        for place, pixels in zip(indices, image.numpy(), strict=True):
            pixels[:] = self.transform(self.reader(self.records[place]))
        return {
            "image": image.permute(0, 3, 1, 2),
            "targets": torch.from_numpy(self.records.targets(indices)),
            "annotated": torch.from_numpy(self.records.annotated[index]),
            "roles": torch.from_numpy(self.records.roles[index]),
            "index": torch.from_numpy(index),
            "product": torch.from_numpy(self.records.groups(index)),
            "drawn_for": torch.from_numpy(attributes),
        }

    # torch's loader asks for all images of a batch at once where a data set has this method.
    __getitems__ = read
