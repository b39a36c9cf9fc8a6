"""Vectors of one attribute, for the images that take part in its evaluation."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m3net.errors import EmbeddingError

BLOCK_SIZE = 1024
"""Vectors of a block: 16 MiB of the longest ones that `m3net predict` writes."""
MOST_NUMBERS = 2**16
"""Of a vector: the length of the first one decides how much memory all images take."""


@dataclass(frozen=True)
class Block:
    """Vectors of n images for one attribute, as read from a file."""

    file: Path
    attribute: str
    images: list[str]
    """n names, as the file spells them."""
    vectors: NDArray[np.float32]
    """(n, D); inner products are scores."""

    def error(self, problem: str, remedy: str) -> EmbeddingError:
        """Return an error about this block's file."""
        return EmbeddingError.at(self.file, problem, remedy)


class AttributeVectors:
    """Vectors of the images that take part, filled block by block.

    Attributes:
        unused: Name of one image that takes no part, as the file spells it; None without any.
        num_unused: Number of vectors of such images.

    Example:
        >>> vectors = AttributeVectors(["a.jpg", "b.jpg"], root=Path("photos"))
        >>> values = np.array([[1, 2], [3, 4]], dtype=np.float32)
        >>> vectors.add(Block(Path("x.parquet"), "collar", ["photos/b.jpg", "c.jpg"], values))
        >>> vectors.missing, vectors.unused
        (['a.jpg'], 'c.jpg')
        >>> vectors.batch(["b.jpg", "d.jpg"])
        array([[1., 2.],
               [0., 0.]], dtype=float32)
    """

    def __init__(self, images: Sequence[str], root: Path | None) -> None:
        """Start without vectors.

        Args:
            images: Names of the images that take part; a repeated name has one vector.
            root: Folder that the names start from; None if images are not files.
        """
        self.unused: str | None = None
        self.num_unused = 0
        self._rows = {image: row for row, image in enumerate(dict.fromkeys(images))}
        self._root = None if root is None else os.path.join(os.path.abspath(root), "")
        self._filled = np.zeros(len(self._rows), dtype=np.bool_)
        self._values: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        """Return the number of images that take part, each counted once."""
        return len(self._rows)

    @property
    def missing(self) -> list[str]:
        """Names of the images that take part and have no vector yet."""
        return [image for image, row in self._rows.items() if not self._filled[row]]

    def add(self, block: Block) -> None:
        """Copy the vectors of images that take part, and count the others.

        Args:
            block: Vectors of this attribute.

        Raises:
            EmbeddingError: An image has a vector already, or a vector differs in length from
                earlier ones or is not finite.
        """
        rows = np.asarray([self._row(image) for image in block.images], dtype=np.int64)
        used = np.flatnonzero(rows >= 0)
        if len(used) < len(rows):
            self.unused = block.images[int(np.argmin(rows))]
            self.num_unused += len(rows) - len(used)
        _check_length(block, None if self._values is None else self._values.shape[1])
        if self._values is None:
            self._values = _allocate(block, len(self._rows))
        _check_finite(block, used)
        self._check_new(block, rows, used)
        self._values[rows[used]] = block.vectors[used]
        self._filled[rows[used]] = True

    def batch(self, images: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of B images as (B, D), zeros for images that take no part.

        Args:
            images: Names as in `__init__`.
        """
        rows = np.asarray([self._rows.get(image, -1) for image in images], dtype=np.int64)
        if self._values is None:
            return np.zeros((len(images), 1), dtype=np.float32)
        vectors = np.zeros((len(images), self._values.shape[1]), dtype=np.float32)
        vectors[rows >= 0] = self._values[rows[rows >= 0]]
        return vectors

    def _row(self, image: str) -> int:
        """Return the row of an image by its name or by a path into the root; -1 without one."""
        row = self._rows.get(image)
        if row is None and self._root is not None:
            row = self._rows.get(os.path.abspath(image).removeprefix(self._root))
        return -1 if row is None else row

    def _check_new(self, block: Block, rows: NDArray[np.int64], used: NDArray[np.int64]) -> None:
        """Raise an error if an image has a second vector; `used` indexes the block."""
        repeated = self._filled[rows[used]]
        first = np.unique(rows[used], return_index=True)[1]
        repeated[np.setdiff1d(np.arange(len(used)), first)] = True
        if repeated.any():
            image = block.images[used[repeated.argmax()]]
            problem = f"a second vector of image {image!r} for attribute {block.attribute!r}"
            raise block.error(problem, "Leave one vector for each of the two")


def _allocate(block: Block, num_images: int) -> NDArray[np.float32]:
    length = block.vectors.shape[1]
    try:
        return np.zeros((num_images, length), dtype=np.float32)
    except MemoryError as error:
        problem = f"out of memory with {num_images:,} vectors of {length:,} numbers"
        raise block.error(problem, "Write shorter vectors") from error


def _check_length(block: Block, expected: int | None) -> None:
    """Raise an error if vectors are empty, too long, or differ in length from the first one."""
    length, image = block.vectors.shape[1], block.images[0]
    what = f"the vectors of attribute {block.attribute!r}"
    if not length:
        problem = f"{what} hold no number, first that of image {image!r}"
        raise block.error(problem, "Write vectors of one number or more")
    if length > MOST_NUMBERS:
        problem = f"{what} have {length:,} numbers, first that of image {image!r}"
        raise block.error(problem, f"Write vectors of up to {MOST_NUMBERS:,} numbers")
    if expected is not None and length != expected:
        problem = f"{what} have {expected} numbers, but {length} for image {image!r}"
        raise block.error(problem, "Write vectors of one model")


def _check_finite(block: Block, used: NDArray[np.int64]) -> None:
    """Raise an error if a vector of an image that takes part is not finite."""
    wrong = ~np.isfinite(block.vectors[used]).all(axis=1)
    if wrong.any():
        what = f"image {block.images[used[wrong.argmax()]]!r} for attribute {block.attribute!r}"
        problem = f"the vector of {what} holds NaN, infinity or a number too large for 32 bits"
        raise block.error(problem, "Write finite numbers")
