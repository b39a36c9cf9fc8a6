"""Labels as annotation files list them, one (image, attribute, value) a time, checked, joined."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m3net.data.annotations.findings import Findings
from m3net.data.annotations.table import rows_error
from m3net.data.annotations.text import check_widths
from m3net.data.records import Records
from m3net.data.taxonomy import Taxonomy


@dataclass(frozen=True)
class Labels:
    """L labels in columns, in the order of their file.

    Attributes:
        file: Where they stand.
        rows: (L,) int64, the line of each, counted from 1.
        image: (L,) int64, place of the image in the list of images.
        attribute: (L,) int64, attribute id.
        value: (L,) int64, the class within the attribute.
    """

    file: Path
    rows: NDArray[np.int64]
    image: NDArray[np.int64]
    attribute: NDArray[np.int64]
    value: NDArray[np.int64]

    def __len__(self) -> int:
        """Give the number of labels L."""
        return len(self.rows)

    def select(self, kept: NDArray[np.bool_]) -> "Labels":
        """Give some of the labels; `kept` is (L,)."""
        columns = (self.rows, self.image, self.attribute, self.value)
        return Labels(self.file, *(column[kept] for column in columns))

    def without(
        self, bad: NDArray[np.bool_], problem: str, remedy: str, findings: Findings
    ) -> "Labels":
        """Give the labels that are not bad, once the bad ones are named.

        Args:
            bad: (L,), which labels have the problem.
            problem: What is wrong, without a full stop; "{}" stands for (image, attribute, value)
                of the first.
            remedy: What to do about it, without a full stop.
            findings: Takes the problem.
        """
        if bad.any():
            first = int(bad.argmax())
            triple = f"{self.image[first]} {self.attribute[first]} {self.value[first]}"
            rows = np.unique(self.rows[bad]).tolist()
            findings.problem(rows_error(self.file, rows, problem.format(triple), remedy))
        return self.select(~bad)

    def class_ids(self, taxonomy: Taxonomy) -> NDArray[np.int64]:
        """Give the (L,) class ids."""
        first = np.array([part.start for part in taxonomy.slices], dtype=np.int64)
        return first[self.attribute] + self.value

    def roles(self, num_images: int, taxonomy: Taxonomy, role: int) -> NDArray[np.uint8]:
        """Give (N, A) uint8: `role` for each image and attribute that has a label here."""
        roles = np.zeros((num_images, len(taxonomy)), dtype=np.uint8)
        roles[self.image, self.attribute] = role
        return roles


def check_labels(
    labels: Labels, images: str, num_images: int, taxonomy: Taxonomy, findings: Findings
) -> Labels:
    """Give the labels that name an image, an attribute and a class that there are, each once.

    Args:
        labels: As read.
        images: Name of the file that lists the images, for the error.
        num_images: How many it lists.
        taxonomy: Attributes and classes.
        findings: Takes what is wrong.
    """
    remedy = "Fetch both files from one source; indices count from 0"
    problem = f"label '{{}}': its index is beyond the {num_images:,} images of {images}"
    labels = labels.without(labels.image >= num_images, problem, remedy, findings)
    problem = f"label '{{}}': there are {len(taxonomy)} attributes, numbered from 0"
    remedy = "Write the attribute as its place among them"
    labels = labels.without(labels.attribute >= len(taxonomy), problem, remedy, findings)
    sizes = np.asarray(taxonomy.sizes)[labels.attribute]
    problem = "label '{}': its value is out of the range of the attribute"
    tops = ", ".join(
        f"{size - 1} ({name})" for name, size in zip(taxonomy.names, taxonomy.sizes, strict=True)
    )
    remedy = f"Write values from 0 up to {tops}"
    labels = labels.without(labels.value >= sizes, problem, remedy, findings)
    again = _again(labels.image, labels.class_ids(taxonomy))
    labels = labels.without(again, "label '{}' stands here again", "Leave it once", findings)
    single = np.array([not attribute.multi_label for attribute in taxonomy])[labels.attribute]
    second = single & _again(labels.image, labels.attribute)
    problem = "label '{}': a second class of an attribute that has one per image"
    return labels.without(second, problem, "Leave one of them", findings)


def join_labels(
    file: Path,
    paths: Sequence[str],
    labels: Labels,
    roles: NDArray[np.uint8],
    taxonomy: Taxonomy,
) -> Records:
    """Make records; an image is annotated for the attributes of which it carries a class.

    Args:
        file: Lists the images.
        paths: N paths; the line of each in the file is its place + 1.
        labels: Checked labels.
        roles: (N, A) uint8.
        taxonomy: Attributes and classes.

    Raises:
        AnnotationError: A path is far longer than most.
    """
    check_widths(file, "image path", paths)
    class_ids = labels.class_ids(taxonomy)
    order = np.lexsort((class_ids, labels.image))
    counts = np.bincount(labels.image, minlength=len(paths))
    return Records(
        paths=np.asarray(paths, dtype=np.str_),
        rows=np.arange(1, len(paths) + 1),
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        class_ids=class_ids[order],
        annotated=labels.roles(len(paths), taxonomy, 1).astype(np.bool_),
        roles=roles,
        num_classes=taxonomy.num_classes,
        files=(str(file),),
    )


def _again(*columns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say for each entry whether an earlier one is the same in all columns."""
    again = np.ones(len(columns[0]), dtype=np.bool_)
    _, first = np.unique(np.stack(columns, axis=1), axis=0, return_index=True)
    again[first] = False
    return again
