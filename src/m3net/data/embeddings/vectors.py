"""The vectors of one attribute, of the images that take part in its evaluation and of no others."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m3net.data.embeddings.block import Block
from m3net.errors import EmbeddingError

MOST_NUMBERS = 2**16
"""Of a vector: room for all images is made when the first one is seen."""


class AttributeVectors:
    """Vectors of the images that take part, filled block by block.

    Attributes:
        unused: Name of one image that takes no part, as the file spells it; None without any.
        num_unused: How many vectors of such images there were.

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
            images: Names of those that take part; one that is named again has the same vector.
            root: Folder that the names start from; None where images are no files.
        """
        self.unused: str | None = None
        self.num_unused = 0
        self._rows = {image: row for row, image in enumerate(dict.fromkeys(images))}
        self._root = None if root is None else os.path.join(os.path.abspath(root), "")
        self._found = np.zeros(len(self._rows), dtype=np.bool_)
        self._values: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        """Give the number of images that take part, each counted once."""
        return len(self._rows)

    @property
    def missing(self) -> list[str]:
        """Names of the images that take part and have no vector so far."""
        return [image for image, row in self._rows.items() if not self._found[row]]

    def add(self, block: Block) -> None:
        """Take over the vectors of images that take part, and count the others.

        Args:
            block: Vectors of this attribute.

        Raises:
            EmbeddingError: An image has a vector already, or a vector has another length than the
                ones before or is not finite.
        """
        rows = np.asarray([self._row(image) for image in block.images], dtype=np.int64)
        places = np.flatnonzero(rows >= 0)
        if len(places) < len(rows):
            self.unused = block.images[int(np.argmin(rows))]
            self.num_unused += len(rows) - len(places)
        _check_length(block, None if self._values is None else self._values.shape[1])
        if self._values is None:
            self._values = _room(block, len(self._rows))
        _check_finite(block, places)
        self._check_new(block, rows, places)
        self._values[rows[places]] = block.vectors[places]
        self._found[rows[places]] = True

    def batch(self, images: Sequence[str]) -> NDArray[np.float32]:
        """Give the vectors of some images.

        Args:
            images: B names as in `__init__`.

        Returns:
            (B, D) float32, zeros for images that take no part.
        """
        rows = np.asarray([self._rows.get(image, -1) for image in images], dtype=np.int64)
        length = 1 if self._values is None else self._values.shape[1]
        vectors = np.zeros((len(images), length), dtype=np.float32)
        if self._values is not None:
            vectors[rows >= 0] = self._values[rows[rows >= 0]]
        return vectors

    def _row(self, image: str) -> int:
        """Give the row of an image by its name, or by a path that leads into the root; or -1."""
        row = self._rows.get(image)
        if row is None and self._root is not None:
            row = self._rows.get(os.path.abspath(image).removeprefix(self._root))
        return -1 if row is None else row

    def _check_new(self, block: Block, rows: NDArray[np.int64], places: NDArray[np.int64]) -> None:
        """Raise an error if an image comes again; `places` in the block take part."""
        again = self._found[rows[places]]
        first = np.unique(rows[places], return_index=True)[1]
        again[np.setdiff1d(np.arange(len(places)), first)] = True
        if again.any():
            image = block.images[places[again.argmax()]]
            problem = f"a second vector of image {image!r} for attribute {block.attribute!r}"
            raise EmbeddingError.at(block.file, problem, "Leave one vector for each of the two")


def _room(block: Block, num_images: int) -> NDArray[np.float32]:
    """Make room for the vectors of all images."""
    length = block.vectors.shape[1]
    try:
        return np.zeros((num_images, length), dtype=np.float32)
    except MemoryError as error:
        problem = f"{num_images:,} vectors of {length:,} numbers do not fit into the memory"
        raise EmbeddingError.at(block.file, problem, "Write shorter vectors") from error


def _check_length(block: Block, length: int | None) -> None:
    """Raise an error if vectors are empty or of another length than the attribute's first."""
    found = block.vectors.shape[1]
    what = f"the vectors of attribute {block.attribute!r}"
    if not found:
        problem = f"{what} hold no number, as that of image {block.images[0]!r}"
        raise EmbeddingError.at(block.file, problem, "Write vectors of one number or more")
    if found > MOST_NUMBERS:
        problem = f"{what} have {found:,} numbers, as that of image {block.images[0]!r}"
        remedy = f"Write vectors of up to {MOST_NUMBERS:,} numbers"
        raise EmbeddingError.at(block.file, problem, remedy)
    if length is not None and found != length:
        problem = f"{what} have {length} numbers, but {found} for image {block.images[0]!r}"
        raise EmbeddingError.at(block.file, problem, "Write vectors of one model")


def _check_finite(block: Block, places: NDArray[np.int64]) -> None:
    """Raise an error if a vector that is needed cannot be compared."""
    wrong = ~np.isfinite(block.vectors[places]).all(axis=1)
    if wrong.any():
        image = block.images[places[wrong.argmax()]]
        what = f"the vector of image {image!r} for attribute {block.attribute!r}"
        problem = f"{what} holds NaN, infinity or a number too large for 32 bits"
        raise EmbeddingError.at(block.file, problem, "Write finite numbers")
