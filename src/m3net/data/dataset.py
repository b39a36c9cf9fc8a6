"""Records and pixels become samples; nothing else happens here."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from m3net.data.batch import Sample
from m3net.data.records import Record, Records
from m3net.data.transforms import Transform

Reader = Callable[[Record], NDArray[np.uint8]]
"""Turns a record into (H, W, 3) uint8 RGB pixels of any size."""


class RetrievalDataset(Dataset[Sample]):
    """Reads one image and its labels; decodes once for all attributes."""

    def __init__(self, records: Records, reader: Reader, transform: Transform) -> None:
        """Put the three together.

        Args:
            records: The images of one split.
            reader: Gives the pixels of a record.
            transform: Makes pixels of one size of them.
        """
        self.records, self.reader, self.transform = records, reader, transform

    def __len__(self) -> int:
        """Give the number of images."""
        return len(self.records)

    def __getitem__(self, index: int) -> Sample:
        """Give one image with its labels."""
        pixels = self.transform(self.reader(self.records[index]), salt=index)
        return {
            "pixels": torch.from_numpy(np.ascontiguousarray(pixels)),
            "targets": torch.from_numpy(self.records.targets([index])[0]),
            "annotated": torch.from_numpy(self.records.annotated[index]),
            "roles": torch.from_numpy(self.records.roles[index]),
            "index": torch.tensor(index),
        }
