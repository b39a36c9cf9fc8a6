"""Check the images and labels of annotation files, and join them into records."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m3net.data.annotations.annotation_file import AnnotationFile
from m3net.data.annotations.image_paths import check_widths
from m3net.data.records import Records
from m3net.data.taxonomy import Taxonomy

SAME_SOURCE = "Fetch both files from one source"


@dataclass(frozen=True)
class ImageLabels:
    """L labels in columns, in the order of their file."""

    file: AnnotationFile
    rows: NDArray[np.int64]
    """(L,), the line of each label, counted from 1."""
    image: NDArray[np.int64]
    """(L,), index in the list of images."""
    attribute: NDArray[np.int64]
    """(L,), attribute id."""
    value: NDArray[np.int64]
    """(L,), the class within the attribute."""

    @property
    def columns(self) -> NDArray[np.int64]:
        """(4, L): rows, images, attributes and values."""
        return np.stack([self.rows, self.image, self.attribute, self.value])

    def without(self, bad: NDArray[np.bool_], problem: str, remedy: str) -> "ImageLabels":
        """Report the bad labels, if there are any, and return the others.

        Args:
            bad: (L,), whether each label is bad.
            problem: What is wrong, without a full stop; it follows the first bad label.
            remedy: What to do about it, without a full stop.
        """
        if bad.any():
            _, image, attribute, value = self.columns[:, bad.argmax()]
            problem = f"label '{image} {attribute} {value}'{problem}"
            self.file.refuse(np.unique(self.rows[bad]).tolist(), problem, remedy)
        return ImageLabels(self.file, *self.columns[:, ~bad])

    def class_ids(self, taxonomy: Taxonomy) -> NDArray[np.int64]:
        """Return the (L,) class ids."""
        first = np.array([part.start for part in taxonomy.slices], dtype=np.int64)
        return first[self.attribute] + self.value


@dataclass(frozen=True)
class ImageList:
    """N images; image i is in line i + 1 of the file."""

    file: AnnotationFile
    paths: Sequence[str]

    def __len__(self) -> int:
        """Return the number of images N."""
        return len(self.paths)

    def note_repeated(self) -> None:
        """Note how many lines name an image that an earlier line names."""
        if repeated := len(self) - len(set(self.paths)):
            self.file.findings.note(
                f"{self.file.name}: {repeated:,} lines name an image that an earlier line names"
            )

    def check_labels(self, labels: ImageLabels, taxonomy: Taxonomy) -> ImageLabels:
        """Return the labels of a known image, attribute and class; report the others."""
        problem = f": its index is beyond the {len(self):,} images of {self.file.name}"
        remedy = f"{SAME_SOURCE}; indices count from 0"
        labels = labels.without(labels.image >= len(self), problem, remedy)
        problem = f": there are {len(taxonomy)} attributes, numbered from 0"
        remedy = "Write the number of the attribute"
        labels = labels.without(labels.attribute >= len(taxonomy), problem, remedy)
        bad = labels.value >= np.asarray(taxonomy.sizes)[labels.attribute]
        tops = [f"{len(attribute.classes) - 1} ({attribute.name})" for attribute in taxonomy]
        problem = ": its value is out of the range of the attribute"
        labels = labels.without(bad, problem, f"Write values from 0 up to {', '.join(tops)}")
        again = _again(labels.image, labels.class_ids(taxonomy))
        labels = labels.without(again, ": listed before", "Leave it once")
        single = np.array([not attribute.multi_label for attribute in taxonomy])
        second = single[labels.attribute] & _again(labels.image, labels.attribute)
        problem = ": a second class of an attribute that has one per image"
        return labels.without(second, problem, "Leave one of them")

    def refuse_unlabelled(self, labels: ImageLabels, problem: str) -> None:
        """Report images without a label; `problem` describes them, without a full stop."""
        unlabelled = np.setdiff1d(np.arange(len(self)), labels.image)
        if len(unlabelled):
            problem = f"image {self.paths[unlabelled[0]]!r} is {problem}"
            remedy = "Fetch all files of the split from one source"
            self.file.refuse((unlabelled + 1).tolist(), problem, remedy)

    def roles(self, labels: ImageLabels, taxonomy: Taxonomy, role: int) -> NDArray[np.uint8]:
        """Return (N, A): `role` for each image and attribute that has a label, 0 elsewhere."""
        roles = np.zeros((len(self), len(taxonomy)), dtype=np.uint8)
        roles[labels.image, labels.attribute] = role
        return roles

    def join(
        self, labels: ImageLabels, taxonomy: Taxonomy, roles: NDArray[np.uint8] | None = None
    ) -> Records:
        """Build records; an image is annotated for the attributes of its labels.

        Args:
            labels: Checked labels.
            taxonomy: Attributes and classes.
            roles: (N, A); None for images without roles.

        Raises:
            AnnotationError: A path is far longer than most.
        """
        check_widths(self.file.path, "image path", self.paths)
        class_ids = labels.class_ids(taxonomy)
        order = np.lexsort((class_ids, labels.image))
        counts = np.bincount(labels.image, minlength=len(self))
        annotated = self.roles(labels, taxonomy, 1)
        return Records(
            paths=np.asarray(self.paths, dtype=np.str_),
            rows=np.arange(1, len(self) + 1),
            offsets=np.concatenate([[0], np.cumsum(counts)]),
            class_ids=class_ids[order],
            annotated=annotated.astype(np.bool_),
            roles=np.zeros_like(annotated) if roles is None else roles,
            num_classes=taxonomy.num_classes,
            files=(str(self.file.path),),
        )


def labelled_only(records: Records, file: AnnotationFile) -> Records:
    """Return the images with a label; note the number of the others.

    Args:
        records: Training images.
        file: Lists them.
    """
    labelled = np.diff(records.offsets) > 0
    if number := np.count_nonzero(~labelled):
        file.findings.note(f"{file.name}: {number:,} images without a label are left out")
    return records.select(np.flatnonzero(labelled))


def _again(*columns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for each entry whether an earlier one is equal in all columns."""
    again = np.ones(len(columns[0]), dtype=np.bool_)
    _, first = np.unique(np.stack(columns, axis=1), axis=0, return_index=True)
    again[first] = False
    return again
