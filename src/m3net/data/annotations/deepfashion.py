"""DeepFashion, Category and Attribute Prediction: 1,000 attributes of five types.

What the files call an attribute ("floral") is a class here, and a type (texture, fabric ...) is an
attribute. An image may carry several classes of each.

Reference:
    Liu, Luo, Qiu, Wang, Tang: "DeepFashion: Powering Robust Clothes Recognition and Retrieval with
    Rich Annotations", CVPR 2016.

License:
    For non-commercial research, by agreement; images may not be passed on.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m3net.data.annotations.attribute_matrix import read_attribute_matrix
from m3net.data.annotations.deepfashion_tables import find_file, read_padded
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.index_files import (
    OPTION,
    Evaluated,
    index_file,
    labelled_only,
    note_twice,
    read_label_pairs,
    read_listed_paths,
    refuse_idle,
)
from m3net.data.annotations.labels import Labels, check_labels, join_labels
from m3net.data.annotations.published import Counts
from m3net.data.annotations.text import refuse_outside
from m3net.data.records import Records, Role
from m3net.data.taxonomy import Attribute, Taxonomy
from m3net.errors import AnnotationError

SIZES = {"texture": 156, "fabric": 218, "shape": 180, "part": 216, "style": 230}
SINGLE = {
    "train": Counts(),
    "val": Counts(
        images=27_625,
        queries=(1_048, 1_469, 1_147, 1_037, 824),
        candidates=(4_299, 5_923, 4_332, 3_977, 3_569),
    ),
    "test": Counts(
        images=27_625,
        queries=(1_008, 1_483, 1_097, 1_022, 915),
        candidates=(4_271, 5_914, 4_364, 4_030, 3_521),
    ),
}
MULTI = {
    "train": Counts(),
    "val": Counts(images=27_625, labels=(19_392, 26_276, 18_743, 17_310, 14_661)),
    "test": Counts(images=27_625, labels=(19_037, 26_464, 18_387, 17_272, 14_731)),
}


@dataclass(frozen=True)
class Classes:
    """What `list_attr_cloth.txt` says.

    Attributes:
        taxonomy: The five types and their classes, in the order of the file.
        attribute: (1000,) int64, the type of each row, counted from 0.
        value: (1000,) int64, the place of each row within its type.
    """

    taxonomy: Taxonomy
    attribute: NDArray[np.int64]
    value: NDArray[np.int64]

    def __len__(self) -> int:
        """Give the number of rows."""
        return len(self.attribute)


def numbered_classes() -> Classes:
    """Give the five types with classes named "0", "1" and so on, in an order that no file knows."""
    attributes = tuple(Attribute(n, tuple(map(str, range(k))), True) for n, k in SIZES.items())
    taxonomy = Taxonomy(attributes)
    first = np.array([part.start for part in taxonomy.slices])
    of_class = taxonomy.attribute_of_class
    return Classes(taxonomy, of_class, np.arange(len(of_class)) - first[of_class])


def read_classes(file: Path, findings: Findings) -> Classes:
    """Read `list_attr_cloth.txt`; a name that its type has already gets its row appended.

    Args:
        file: The file.
        findings: Takes such names. A wrong row stops at once: without it, all that follow would
            have other numbers.

    Raises:
        M3NetError: The file is missing or wrong.
    """
    rows = read_padded(file, ("name", "type"), Findings())
    numbers = [str(number) for number in range(1, len(SIZES) + 1)]
    remedy = f"Write a number from 1 to {len(SIZES)}"
    rows.refuse(~rows["type"].isin(numbers), "type", "there is no such type", remedy)
    attribute = rows["type"].to_numpy(dtype=np.int64) - 1
    names: list[dict[str, None]] = [{} for _ in SIZES]
    value = np.zeros_like(attribute)
    for place, (row, name, own) in enumerate(
        zip(rows.table.index.tolist(), rows["name"], attribute.tolist(), strict=True)
    ):
        value[place] = len(names[own])
        again = name in names[own]
        if again:
            findings.note(f"{file.name}, row {row}: {name!r} again, now called '{name} ({row})'")
        names[own][f"{name} ({row})" if again else name] = None
    if empty := [name for name, own in zip(SIZES, names, strict=True) if not own]:
        problem = f"no attribute of type {', '.join(empty)}"
        raise AnnotationError.at(file, None, problem, "Fetch the file anew")
    attributes = zip(SIZES, names, strict=True)
    taxonomy = Taxonomy(tuple(Attribute(name, tuple(own), True) for name, own in attributes))
    return Classes(taxonomy, attribute, value)


def read_labels(folder: Path, split: Evaluated, classes: Classes, findings: Findings) -> Records:
    """Give the images of val or test with all their labels; each asks and can be found for each.

    This is the protocol "multi". `label_<split>.txt` holds "index type row [type row ...]", types
    counted from 1, indices and rows of `list_attr_cloth.txt` from 0.

    Args:
        folder: Holds `filenames_<split>.txt` and `label_<split>.txt`.
        split: "val" or "test".
        classes: From `read_classes`.
        findings: Takes problems.

    Raises:
        M3NetError: A file is missing or wrong.
    """
    names = index_file(folder, "filenames", split)
    paths = read_listed_paths(names, findings)
    labels = _read_typed_pairs(index_file(folder, "label", split), classes, findings)
    labels = check_labels(labels, names.name, len(paths), classes.taxonomy, findings)
    refuse_idle(names, paths, labels, "without a label", findings)
    roles = labels.roles(len(paths), classes.taxonomy, Role.QUERY | Role.GALLERY)
    return join_labels(names, paths, labels, roles, classes.taxonomy)


def read_all(folder: Path, classes: Classes, findings: Findings) -> Records:
    """Give all labelled images of `list_attr_img.txt`, without roles; the others are counted.

    Args:
        folder: Holds the file.
        classes: From `read_classes`.
        findings: Takes problems and notes.

    Raises:
        M3NetError: The file is missing or wrong.
    """
    file = find_file(folder, "list_attr_img.txt")
    matrix = read_attribute_matrix(file, len(classes), OPTION, findings)
    refuse_outside(file, matrix.rows.tolist(), matrix.paths, findings)
    note_twice(file, matrix.paths, findings)
    labels = Labels(
        file,
        matrix.rows[matrix.image],
        matrix.image,
        classes.attribute[matrix.column],
        classes.value[matrix.column],
    )
    roles = np.zeros((len(matrix.paths), len(classes.taxonomy)), dtype=np.uint8)
    records = join_labels(file, matrix.paths, labels, roles, classes.taxonomy)
    return labelled_only(replace(records, rows=matrix.rows), file.name, findings)


def _read_typed_pairs(file: Path, classes: Classes, findings: Findings) -> Labels:
    """Read "index type row [type row ...]" and check that each row is of the type."""
    labels = read_label_pairs(file, findings)
    beyond = labels.value >= len(classes)
    problem = f"label '{{}}': there are {len(classes):,} attributes, counted from 0"
    labels = labels.without(beyond, problem, "Fetch the file anew", findings)
    other = classes.attribute[labels.value] != labels.attribute - 1
    problem = "label '{}': list_attr_cloth.txt gives its attribute another type"
    labels = labels.without(other, problem, "Fetch both files from one source", findings)
    return Labels(
        file, labels.rows, labels.image, labels.attribute - 1, classes.value[labels.value]
    )
