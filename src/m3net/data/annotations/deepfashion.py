"""DeepFashion, Category and Attribute Prediction: 1,000 attributes of five types.

What the files call an attribute ("floral") is a class here, and a type (texture, fabric ...) is an
attribute. An image may carry several classes of an attribute.

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

from m3net.data.annotations.annotation_file import AnnotationFile
from m3net.data.annotations.attribute_matrix import read_attribute_matrix
from m3net.data.annotations.deepfashion_tables import (
    find_file,
    find_path,
    read_padded,
    read_partition,
)
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.image_labels import (
    SAME_SOURCE,
    ImageLabels,
    ImageList,
    labelled_only,
)
from m3net.data.annotations.index_files import (
    Evaluated,
    index_file,
    read_images,
    read_label_lines,
)
from m3net.data.annotations.published_counts import Counts
from m3net.data.records import Records, Role, Splits
from m3net.data.taxonomy import Attribute, Taxonomy
from m3net.errors import AnnotationError

SIZES = {"texture": 156, "fabric": 218, "shape": 180, "part": 216, "style": 230}
SINGLE = {
    "val": Counts(
        images=27_625,
        queries=(1_048, 1_469, 1_147, 1_037, 824),
        gallery=(4_299, 5_923, 4_332, 3_977, 3_569),
    ),
    "test": Counts(
        images=27_625,
        queries=(1_008, 1_483, 1_097, 1_022, 915),
        gallery=(4_271, 5_914, 4_364, 4_030, 3_521),
    ),
}
MULTI = {
    "val": Counts(images=27_625, labels=(19_392, 26_276, 18_743, 17_310, 14_661)),
    "test": Counts(images=27_625, labels=(19_037, 26_464, 18_387, 17_272, 14_731)),
}


@dataclass(frozen=True)
class Classes:
    """The rows of `list_attr_cloth.txt`, 1,000 in the published file."""

    taxonomy: Taxonomy
    """The five types and their classes, in the order of the file."""
    attribute: NDArray[np.int64]
    """(1000,), the type of each row, counted from 0."""
    value: NDArray[np.int64]
    """(1000,), the index of each row within its type."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.attribute)


def numbered_classes() -> Classes:
    """Return the five types with classes named "0", "1" and so on, in an order of no file."""
    attributes = tuple(Attribute(n, tuple(map(str, range(k))), True) for n, k in SIZES.items())
    taxonomy = Taxonomy(attributes)
    values = np.concatenate([np.arange(size) for size in SIZES.values()])
    return Classes(taxonomy, taxonomy.attribute_of_class, values)


def read_classes(path: Path, findings: Findings) -> Classes:
    """Read `list_attr_cloth.txt`; a name that occurs twice in its type gets its row appended.

    Such names are noted. A wrong row always raises: without it, all that follow would have other
    numbers.
    """
    rows = read_padded(AnnotationFile(path, Findings()), ("name", "type"))
    numbers = [str(number) for number in range(1, len(SIZES) + 1)]
    remedy = f"Write a number from 1 to {len(SIZES)}"
    rows.refuse(~rows["type"].isin(numbers), "type", "there is no such type", remedy)
    attribute = rows["type"].to_numpy(dtype=np.int64) - 1
    names: list[dict[str, None]] = [{} for _ in SIZES]
    values = []
    for row, name, kind in zip(rows.table.index, rows["name"], attribute.tolist(), strict=True):
        values.append(len(names[kind]))
        if repeated := name in names[kind]:
            findings.note(f"{path.name}, row {row}: {name!r} again, now called '{name} ({row})'")
        names[kind][f"{name} ({row})" if repeated else name] = None
    of_type = dict(zip(SIZES, map(tuple, names), strict=True))
    if empty := [name for name, classes in of_type.items() if not classes]:
        problem = f"no attribute of type {', '.join(empty)}"
        raise AnnotationError.at(path, None, problem, "Fetch the file again")
    taxonomy = Taxonomy(tuple(Attribute(n, classes, True) for n, classes in of_type.items()))
    return Classes(taxonomy, attribute, np.asarray(values, dtype=np.int64))


def read_labels(folder: Path, split: Evaluated, classes: Classes, findings: Findings) -> Records:
    """Read the images of val or test, whose labels are all queries and in the gallery ("multi").

    `label_<split>.txt` holds "index type row [type row ...]", with types counted from 1, indices
    and rows of `list_attr_cloth.txt` from 0.
    """
    images = read_images(folder, split, findings)
    file = AnnotationFile(index_file(folder, "label", split), findings)
    labels = read_label_lines(file, several=True)
    problem = f": there are {len(classes):,} attributes, counted from 0"
    labels = labels.without(labels.value >= len(classes), problem, "Fetch the file again")
    other = classes.attribute[labels.value] != labels.attribute - 1
    problem = ": list_attr_cloth.txt gives its attribute another type"
    labels = labels.without(other, problem, SAME_SOURCE)
    labels = replace(labels, attribute=labels.attribute - 1, value=classes.value[labels.value])
    labels = images.check_labels(labels, classes.taxonomy)
    images.refuse_unlabelled(labels, "without a label")
    roles = images.roles(labels, classes.taxonomy, Role.QUERY | Role.GALLERY)
    return images.join(labels, classes.taxonomy, roles)


def read_all(folder: Path, classes: Classes, findings: Findings) -> Records:
    """Read all labelled images of `list_attr_img.txt`, without roles; the others are counted."""
    file = find_file(folder, "list_attr_img.txt", findings)
    matrix = read_attribute_matrix(file, len(classes))
    file.refuse_outside(matrix.rows.tolist(), matrix.paths)
    images = ImageList(file, matrix.paths)
    images.note_repeated()
    attribute, value = classes.attribute[matrix.column], classes.value[matrix.column]
    labels = ImageLabels(file, matrix.rows[matrix.image], matrix.image, attribute, value)
    records = images.join(labels, classes.taxonomy)
    return labelled_only(replace(records, rows=matrix.rows), file)


def rebuild_train(folder: Path, classes: Classes, findings: Findings) -> Records:
    """Read all labelled images of `list_attr_img.txt` that are neither in val nor in test."""
    images = read_all(folder, classes, findings)
    files = [index_file(folder, "filenames", split) for split in ("val", "test")]
    evaluated = {path for file in files for path in AnnotationFile(file, findings).paths()}
    free = [index for index, path in enumerate(images.paths.tolist()) if path not in evaluated]
    findings.note(f"the training list is rebuilt from list_attr_img.txt: {len(free):,} images")
    return images.select(np.asarray(free, dtype=np.int64))


def read_raw_splits(folder: Path, classes: Classes, findings: Findings) -> Splits:
    """Read the download's splits; each label of val and test is a query and in the gallery."""
    images = read_all(folder, classes, findings)
    partition = read_partition(folder, findings)
    split_of = np.array([partition.get(path, "") for path in images.paths.tolist()], dtype=np.str_)
    if (lacking := split_of == "").any():
        path = str(images.paths[lacking][0])
        problem = f"no split for image {path!r} in list_eval_partition.txt"
        file = AnnotationFile(find_path(folder, "list_attr_img.txt"), findings)
        file.refuse(images.rows[lacking].tolist(), problem, SAME_SOURCE)
    train, val, test = (
        images.select(np.flatnonzero(split_of == split)) for split in ("train", "val", "test")
    )
    both = np.uint8(Role.QUERY | Role.GALLERY)
    return Splits(train, *(replace(part, roles=part.annotated * both) for part in (val, test)))
