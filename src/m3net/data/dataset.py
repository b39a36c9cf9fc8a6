"""Records and pixels become batches; nothing else happens here."""

import os
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from m3net.data.batch import Batch
from m3net.data.records import Record, Records
from m3net.data.transforms import Transform

Reader = Callable[[Record], NDArray[np.uint8]]
"""Turns a record into (H, W, 3) uint8 RGB pixels of any size."""

_MOST_WORKERS = 256


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
        # Of a process that dies or hangs, nothing but this tells which image it was at.
        at_work = torch.full((_MOST_WORKERS, 2), -1, dtype=torch.int64)
        self._at_work: Tensor = at_work.share_memory_()  # type: ignore[no-untyped-call]  # torch's gap

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
        at_work = self._place_of_process()
        for place, pixels in zip(indices, image.numpy(), strict=True):
            at_work[0] = place
            pixels[:] = self.transform(self.reader(self.records[place]))
        at_work[0] = -1
        return {
            "image": image.permute(0, 3, 1, 2),
            "targets": torch.from_numpy(self.records.targets(indices)),
            "annotated": torch.from_numpy(self.records.annotated[index]),
            "roles": torch.from_numpy(self.records.roles[index]),
            "index": torch.from_numpy(index),
            "product": torch.from_numpy(self.records.groups(index)),
            "drawn_for": torch.from_numpy(attributes),
        }

    def being_read(self, pids: Sequence[int] | None = None) -> list[str]:
        """Name the images that loader processes are at, with the rows that list them.

        Args:
            pids: Of which processes; None for all.
        """
        found = []
        for image, pid in self._at_work.tolist():
            if image >= 0 and (pids is None or pid in pids):
                record = self.records[image]
                found.append(f"{record.path} ({record.listed})" if record.listed else record.path)
        return found

    def _place_of_process(self) -> NDArray[np.int64]:
        """Give (2,), where a loader process notes its image and has noted itself."""
        worker = get_worker_info()
        if worker is None or worker.id >= _MOST_WORKERS:
            return np.empty(2, dtype=np.int64)
        place: NDArray[np.int64] = self._at_work.numpy()[worker.id]
        place[1] = os.getpid()
        return place

    # torch's loader asks for all images of a batch at once where a data set has this method.
    __getitems__ = read
