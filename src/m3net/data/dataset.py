"""Records and pixels become samples; nothing else happens here."""

from collections.abc import Callable

import albumentations as A
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from m3net.data.batch import Batch
from m3net.data.records import Record, Records

Reader = Callable[[Record], NDArray[np.uint8]]
"""Turns a record into (H, W, 3) uint8 RGB pixels of any size."""

_SEEDS = 2**31 - 1


class RetrievalDataset(Dataset[Batch]):
    """Reads one image and its labels; decodes once for all attributes."""

    def __init__(self, records: Records, reader: Reader, transform: A.Compose) -> None:
        """Put the three together.

        Args:
            records: The images of one split.
            reader: Gives the pixels of a record.
            transform: Makes a (3, H, W) uint8 tensor of them.
        """
        self.records, self.reader, self.transform = records, reader, transform

    def __len__(self) -> int:
        """Give the number of images."""
        return len(self.records)

    def __getitem__(self, index: int) -> Batch:
        """Give one sample, a `Batch` without its first dimension."""
        pixels = self.reader(self.records[index])
        # albumentations keeps a generator of its own, which loader workers would all copy and
        # restart in each epoch: tie it to torch's, which differs by seed, worker and epoch.
        self.transform.set_random_seed(int(torch.randint(_SEEDS, ())))
        return {
            "image": self.transform(image=pixels)["image"],
            "targets": torch.from_numpy(self.records.targets([index])[0]),
            "annotated": torch.from_numpy(self.records.annotated[index]),
            "roles": torch.from_numpy(self.records.roles[index]),
            "index": torch.tensor(index),
        }
