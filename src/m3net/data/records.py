"""What is known of each image before a pixel is read: its path, labels and role.

Records are columns of arrays, not lists of objects: they are shared with loader workers by
copy-on-write, which Python objects would defeat.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntFlag
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SplitName = Literal["train", "val", "test"]


class Role(IntFlag):
    """What an image is in the evaluation of one attribute; both flags may be set."""

    NONE = 0
    QUERY = 1
    GALLERY = 2


@dataclass(frozen=True)
class Record:
    """One image.

    Attributes:
        path: Relative to the image root.
        row: Line of the annotation file, counted from 1 with the header as line 1.
        class_ids: Class ids (through the whole taxonomy) that the image carries.
        annotated: Ids of the attributes that the image is annotated for.
        box: Where the garment is, as (x1, y1, x2, y2) in pixels of the upright image, x2 and y2
            exclusive; None where it is not annotated.
        file: The annotation file that `row` counts in; empty where there is none.
    """

    path: str
    row: int
    class_ids: tuple[int, ...]
    annotated: tuple[int, ...]
    box: tuple[int, int, int, int] | None = None
    file: str = ""

    @property
    def listed(self) -> str | None:
        """Where an annotation file lists the image; None where none does."""
        return f"{self.file}, row {self.row}" if self.file else None


@dataclass(frozen=True)
class Records:
    """N images in columns.

    Attributes:
        paths: (N,) str, relative to the image root.
        rows: (N,) int64, line of the annotation file of each image.
        offsets: (N + 1,) int64; image i carries `class_ids[offsets[i]:offsets[i + 1]]`.
        class_ids: (total,) int64, the class ids of all images one after the other.
        annotated: (N, A) bool, which attributes each image is annotated for. An image that is
            annotated for an attribute may carry no class of it.
        roles: (N, A) uint8, a `Role` for each image and attribute.
        num_classes: M, the number of classes in the taxonomy.
        boxes: (N, 4) int32, the box of each image as `Record.box`; None where there are none.
        files: The annotation files that `rows` count in.
        file_ids: (N,) uint8, which of them lists each image; None where all stand in the first.
        products: (N,) int64, the product that each image shows, where all its images are left out
            of their rankings; None where an image is left out of its own alone.
    """

    paths: NDArray[np.str_]
    rows: NDArray[np.int64]
    offsets: NDArray[np.int64]
    class_ids: NDArray[np.int64]
    annotated: NDArray[np.bool_]
    roles: NDArray[np.uint8]
    num_classes: int
    boxes: NDArray[np.int32] | None = None
    files: tuple[str, ...] = ("",)
    file_ids: NDArray[np.uint8] | None = None
    products: NDArray[np.int64] | None = None

    @classmethod
    def build(
        cls,
        paths: Sequence[str],
        rows: Sequence[int],
        labels: Sequence[Sequence[int]],
        annotated: NDArray[np.bool_],
        roles: NDArray[np.uint8],
        num_classes: int,
        boxes: NDArray[np.int32] | None = None,
        file: str = "",
    ) -> "Records":
        """Make records from one list of class ids per image.

        Args:
            paths: N paths.
            rows: N lines of the annotation file.
            labels: N sequences of class ids.
            annotated: (N, A) bool.
            roles: (N, A) uint8.
            num_classes: Number of classes M.
            boxes: (N, 4) int32, where images have boxes.
            file: The annotation file that `rows` count in.

        Example:
            >>> one = np.ones((2, 1))
            >>> records = Records.build(["a.jpg", "b.jpg"], [2, 3], [[0], [1, 2]],
            ...                         one.astype(bool), one.astype(np.uint8), 3)
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
            roles=roles,
            num_classes=num_classes,
            boxes=boxes,
            files=(file,),
        )

    def __len__(self) -> int:
        """Give the number of images N."""
        return len(self.paths)

    def __getitem__(self, index: int) -> Record:
        """Give one image's record."""
        carried = self.class_ids[self.offsets[index] : self.offsets[index + 1]]
        return Record(
            path=str(self.paths[index]),
            row=int(self.rows[index]),
            class_ids=tuple(carried.tolist()),
            annotated=tuple(np.flatnonzero(self.annotated[index]).tolist()),
            box=None if self.boxes is None else tuple(self.boxes[index].tolist()),
            file=self.files[0 if self.file_ids is None else int(self.file_ids[index])],
        )

    def targets(self, indices: Sequence[int] | NDArray[np.int64]) -> NDArray[np.bool_]:
        """Give the labels of some images as (n, M) bool, True where an image carries a class."""
        targets = np.zeros((len(indices), self.num_classes), dtype=np.bool_)
        for row, index in enumerate(indices):
            targets[row, self.class_ids[self.offsets[index] : self.offsets[index + 1]]] = True
        return targets

    def select(self, indices: NDArray[np.int64]) -> "Records":
        """Give the records of some images, in the order of `indices`."""
        lengths = np.diff(self.offsets)[indices]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        # Position of each kept class id: its image's start, plus its place within the image.
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return Records(
            paths=self.paths[indices],
            rows=self.rows[indices],
            offsets=offsets,
            class_ids=self.class_ids[np.repeat(self.offsets[indices], lengths) + within],
            annotated=self.annotated[indices],
            roles=self.roles[indices],
            num_classes=self.num_classes,
            boxes=None if self.boxes is None else self.boxes[indices],
            files=self.files,
            file_ids=None if self.file_ids is None else self.file_ids[indices],
            products=None if self.products is None else self.products[indices],
        )

    def groups(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give for some images (n,) int64, equal where one must not be in the other's ranking."""
        return indices if self.products is None else self.products[indices]

    def labels_per_attribute(self, attribute_of_class: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give (N, A) int64: how many classes of each attribute each image carries.

        Args:
            attribute_of_class: (M,) int64, the attribute id of each class id.
        """
        image = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        counts = np.zeros(self.annotated.shape, dtype=np.int64)
        np.add.at(counts, (image, attribute_of_class[self.class_ids]), 1)
        return counts

    def images_per_class(self) -> NDArray[np.int64]:
        """Give (M,) int64: how many images carry each class."""
        return np.bincount(self.class_ids, minlength=self.num_classes)


@dataclass(frozen=True)
class Splits:
    """The three parts of a data set; images of `train` have no role."""

    train: Records
    val: Records
    test: Records

    def map(self, change: Callable[[Records], Records]) -> "Splits":
        """Give the splits with each changed."""
        return Splits(change(self.train), change(self.val), change(self.test))

    def named(self) -> dict[SplitName, Records]:
        """Give the splits by their names."""
        return {"train": self.train, "val": self.val, "test": self.test}
