"""The value that a file of embeddings is read into, piece by piece."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BLOCK_SIZE = 1024
"""Vectors that are read at once: 16 MiB of the longest ones that `m3net predict` writes."""


@dataclass(frozen=True)
class Block:
    """Vectors of n images for one attribute.

    Attributes:
        file: Where they stand.
        attribute: Name of the attribute.
        images: n names, as the file spells them.
        vectors: (n, D) float32; inner products are scores.
    """

    file: Path
    attribute: str
    images: list[str]
    vectors: NDArray[np.float32]
