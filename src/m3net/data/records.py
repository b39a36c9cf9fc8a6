"""Path, labels and roles of each image.

Records are columns of arrays, not lists of objects: loader workers share them by copy-on-write,
which the reference counts of Python objects would defeat.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntFlag
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SplitName = Literal["train", "val", "test"]

_PER_IMAGE = ["paths", "rows", "annotated", "roles", "boxes", "file_ids", "products"]
"""Columns of records with one entry per image; None where a column is absent."""


class Role(IntFlag):
    """Role of an image in the evaluation of one attribute; both flags may be set."""

    NONE = 0
    QUERY = 1
    GALLERY = 2


@dataclass(frozen=True)
class Record:
    """One image."""

    path: str
    """Relative to the image root."""
    row: int
    """Line of the annotation file, counted from 1 with the header as line 1."""
    class_ids: tuple[int, ...]
    """Class ids of all attributes that the image carries."""
    annotated: tuple[int, ...]
    """Ids of the attributes that the image is annotated for."""
    box: tuple[int, int, int, int] | None = None
    """(x1, y1, x2, y2) of the garment in pixels of the upright image, x2 and y2 exclusive; None
    where it is not annotated."""
    file: str = ""
    """The annotation file of `row`; empty without one."""

    @property
    def listed(self) -> str | None:
        """File and row that list the image, for errors; None without an annotation file."""
        return f"{self.file}, row {self.row}" if self.file else None


@dataclass(frozen=True)
class Records:
    """N images in columns."""

    paths: NDArray[np.str_]
    """(N,), relative to the image root."""
    rows: NDArray[np.int64]
    """(N,), line of the annotation file of each image."""
    offsets: NDArray[np.int64]
    """(N + 1,); image i carries `class_ids[offsets[i]:offsets[i + 1]]`."""
    class_ids: NDArray[np.int64]
    """(total,), the class ids of all images, image after image."""
    annotated: NDArray[np.bool_]
    """(N, A), which attributes each image is annotated for, with or without a class."""
    roles: NDArray[np.uint8]
    """(N, A), a `Role` for each image and attribute."""
    num_classes: int
    """M, the number of classes in the taxonomy."""
    boxes: NDArray[np.int32] | None = None
    """(N, 4), the `Record.box` of each image; None without boxes."""
    files: tuple[str, ...] = ("",)
    """The annotation files of `rows`."""
    file_ids: NDArray[np.uint8] | None = None
    """(N,), which of `files` lists each image; None where the first lists all."""
    products: NDArray[np.int64] | None = None
    """(N,), the product of each image: a ranking leaves out the query's product. None where each
    image shows another product."""

    @classmethod
    def build(
        cls,
        paths: Sequence[str],
        rows: Sequence[int],
        labels: Sequence[Sequence[int]],
        annotated: NDArray[np.bool_],
        roles: NDArray[np.uint8] | None,
        num_classes: int,
        file: str = "",
    ) -> "Records":
        """Build records from one list of class ids per image.

        Args:
            paths: N paths.
            rows: N lines of the annotation file.
            labels: N sequences of class ids.
            annotated: (N, A) bool.
            roles: (N, A) uint8; None for images without roles.
            num_classes: Number of classes M.
            file: The annotation file of `rows`.

        Example:
            >>> ones = np.ones((2, 1))
            >>> records = Records.build(["a.jpg", "b.jpg"], [2, 3], [[0], [1, 2]],
            ...                         ones.astype(bool), ones.astype(np.uint8), 3)
            >>> records.targets([1])
            array([[False,  True,  True]])
            >>> records[1]
            Record(path='b.jpg', row=3, class_ids=(1, 2), annotated=(0,), box=None, file='')
        """
        return cls(
            paths=np.asarray(paths, dtype=np.str_),
            rows=np.asarray(rows, dtype=np.int64),
            offsets=np.cumsum([0, *map(len, labels)], dtype=np.int64),
            class_ids=np.asarray([c for of_image in labels for c in of_image], dtype=np.int64),
            annotated=annotated,
            roles=np.zeros(annotated.shape, dtype=np.uint8) if roles is None else roles,
            num_classes=num_classes,
            files=(file,),
        )

    @classmethod
    def unlabelled(
        cls, paths: Sequence[str], num_attributes: int = 0, num_classes: int = 0
    ) -> "Records":
        """Build records of images without labels; image i is in row i + 1 of a list."""
        annotated = np.zeros((len(paths), num_attributes), dtype=np.bool_)
        rows = range(1, len(paths) + 1)
        return cls.build(paths, rows, [()] * len(paths), annotated, None, num_classes)

    def __len__(self) -> int:
        """Return the number of images N."""
        return len(self.paths)

    def __getitem__(self, index: int) -> Record:
        """Return the record of one image."""
        carried = self.class_ids[self.offsets[index] : self.offsets[index + 1]]
        return Record(
            path=str(self.paths[index]),
            row=int(self.rows[index]),
            class_ids=tuple(carried.tolist()),
            annotated=tuple(np.flatnonzero(self.annotated[index]).tolist()),
            box=None if self.boxes is None else tuple(self.boxes[index].tolist()),
            file=self.files[0 if self.file_ids is None else int(self.file_ids[index])],
        )

    @property
    def image_of_label(self) -> NDArray[np.int64]:
        """(total,), the index of the image that carries each of `class_ids`."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def has_role(self, role: Role) -> NDArray[np.bool_]:
        """Return (N, A): whether each image has a role in the evaluation of an attribute."""
        return np.asarray(self.roles & role, dtype=np.bool_)

    def targets(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return the labels of some images as (n, M) bool, True where an image carries a class."""
        targets = np.zeros((len(indices), self.num_classes), dtype=np.bool_)
        for row, index in enumerate(indices):
            targets[row, self.class_ids[self.offsets[index] : self.offsets[index + 1]]] = True
        return targets

    def select(self, indices: NDArray[np.int64]) -> "Records":
        """Return the records of some images, in the order of `indices`."""
        lengths = np.diff(self.offsets)[indices]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        # Index of each class id: the start of its image, plus the index within the image.
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        class_ids = self.class_ids[np.repeat(self.offsets[indices], lengths) + within]
        per_image = {name: getattr(self, name) for name in _PER_IMAGE}
        selected = {name: c[indices] for name, c in per_image.items() if c is not None}
        return replace(self, offsets=offsets, class_ids=class_ids, **selected)

    def product_of(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the product of some images as (n,) int64, by default the image's index."""
        return indices if self.products is None else self.products[indices]

    def labels_per_attribute(self, attribute_of_class: NDArray[np.int64]) -> NDArray[np.int64]:
        """Count the classes of each attribute that each image carries, as (N, A) int64.

        Args:
            attribute_of_class: (M,) int64, the attribute id of each class id.
        """
        counts = np.zeros(self.annotated.shape, dtype=np.int64)
        np.add.at(counts, (self.image_of_label, attribute_of_class[self.class_ids]), 1)
        return counts

    def images_per_class(self) -> NDArray[np.int64]:
        """Count the images that carry each class, as (M,) int64."""
        return np.bincount(self.class_ids, minlength=self.num_classes)


@dataclass(frozen=True)
class Splits:
    """The three splits of a data set; images of `train` have no role."""

    train: Records
    val: Records
    test: Records

    def named(self) -> dict[SplitName, Records]:
        """Return the splits by their names."""
        return {"train": self.train, "val": self.val, "test": self.test}
