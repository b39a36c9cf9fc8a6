"""The index files that the ASEN family published: train images, queries, gallery images.

Ma, Dong, Long, Zhang, He, Xue, Ji: "Fine-Grained Fashion Similarity Learning by Attribute-Specific
Embedding Network", AAAI 2020. All numbers count from 0:

* `filenames_<split>.txt`: an image path on each line; an index is a line of this file.
* `label_train.txt`: "index attribute value [attribute value ...]".
* `query_<split>.txt`, `candidate_<split>.txt`: "index attribute value". An image is either a query
  or in the gallery, for the attributes that are listed here and no others.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from m3net.data.annotations.annotation_file import AnnotationFile
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.image_labels import ImageLabels, ImageList, labelled_only
from m3net.data.annotations.published_counts import Counts, check_counts
from m3net.data.records import Records, Role, SplitName, Splits
from m3net.data.taxonomy import Taxonomy

Evaluated = Literal["val", "test"]

JPEG = frozenset({"jpeg"})
"""The format of all photos of these data sets; a file of another format is a placeholder."""
_EVALUATED = ("query", "candidate")
_SUFFIXES = {"train": "train", "val": "valid", "test": "test"}


def index_file(folder: Path, kind: str, split: str) -> Path:
    """Return the path of an index file, such as of kind "query" and split "val"."""
    return folder / f"{kind}_{_SUFFIXES[split]}.txt"


def index_files(folder: Path) -> list[Path]:
    """Return the paths of all index files, present or not."""
    train = [index_file(folder, kind, "train") for kind in ("filenames", "label")]
    kinds = ("filenames", *_EVALUATED)
    return train + [index_file(folder, kind, split) for split in ("val", "test") for kind in kinds]


def read_splits(
    name: str,
    folder: Path,
    taxonomy: Taxonomy,
    published: Mapping[str, Counts],
    findings: Findings,
) -> Splits:
    """Read train, val and test; a split that fails as a whole is reported and stays empty.

    Args:
        name: Name of the data set, for errors.
        folder: Holds the index files.
        taxonomy: Attributes and classes.
        published: Counts of each split; empty where the files are not the published ones.
        findings: Collects problems and notes.
    """
    splits = empty_splits(taxonomy).named()
    for split in splits:
        with findings.part():
            if split == "train":
                records = read_train(folder, taxonomy, findings)
            else:
                records = read_evaluation(folder, split, taxonomy, findings)
            if split in published:
                check_counts(f"{name} {split}", published[split], records, taxonomy, findings)
            splits[split] = records
    return Splits(**splits)


def empty_splits(taxonomy: Taxonomy) -> Splits:
    """Return three splits without images."""
    shape = (0, len(taxonomy))
    annotated, roles = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.uint8)
    empty = Records.build([], [], [], annotated, roles, taxonomy.num_classes)
    return Splits(empty, empty, empty)


def read_train(folder: Path, taxonomy: Taxonomy, findings: Findings) -> Records:
    """Read the training images; those without a label are left out and counted in a note."""
    images = read_images(folder, "train", findings)
    labels = read_label_pairs(AnnotationFile(index_file(folder, "label", "train"), findings))
    labels = images.check_labels(labels, taxonomy)
    return labelled_only(images.join(labels, taxonomy), images.file)


def read_evaluation(
    folder: Path, split: Evaluated, taxonomy: Taxonomy, findings: Findings
) -> Records:
    """Read the images of val or test with the labels of the query and candidate files alone."""
    images = read_images(folder, split, findings)
    files = [AnnotationFile(index_file(folder, kind, split), findings) for kind in _EVALUATED]
    queries, gallery = (images.check_labels(_read_triples(file), taxonomy) for file in files)
    problem = f": its image is a query in {queries.file.name} too"
    both = np.isin(gallery.image, queries.image)
    gallery = gallery.without(both, problem, "Leave it in one of the files")
    labels = ImageLabels(images.file, *np.concatenate([_stack(queries), _stack(gallery)], axis=1))
    images.refuse_unlabelled(labels, "neither query nor candidate")
    roles = images.roles(queries, taxonomy, Role.QUERY)
    roles |= images.roles(gallery, taxonomy, Role.GALLERY)
    return images.join(labels, taxonomy, roles)


def read_images(folder: Path, split: SplitName, findings: Findings) -> ImageList:
    """Read `filenames_<split>.txt`; a path that is wrong becomes "".

    The published lists of DeepFashion name some images twice, with different labels. Both lines
    stay, as in the published numbers, and a note counts them.
    """
    file = AnnotationFile(index_file(folder, "filenames", split), findings)
    images = ImageList(file, file.paths())
    images.note_repeated()
    return images


def read_label_pairs(file: AnnotationFile) -> ImageLabels:
    """Read the labels of lines "index attribute value [attribute value ...]", numbers unchecked."""
    numbers = file.numbers()
    odd = [row for row, line in numbers.items() if len(line) < 3 or len(line) % 2 == 0]
    if odd:
        problem = f"{len(numbers[odd[0]])} numbers instead of index, attribute, value, ..."
        file.refuse(odd, problem, "Write a value behind each attribute")
    first: dict[int, int] = {}
    twice = [row for row, line in numbers.items() if first.setdefault(line[0], row) != row]
    if twice:
        problem = f"index {numbers[twice[0]][0]} has a line of labels already"
        file.refuse(twice, problem, "Leave one line for each image")
    for row in {*odd, *twice}:
        del numbers[row]
    return _labels(
        file,
        [
            (row, line[0], attribute, value)
            for row, line in numbers.items()
            for attribute, value in zip(line[1::2], line[2::2], strict=True)
        ],
    )


def _read_triples(file: AnnotationFile) -> ImageLabels:
    """Read the labels of lines "index attribute value", numbers unchecked."""
    numbers = file.numbers()
    if wrong := [row for row, line in numbers.items() if len(line) != 3]:
        problem = f"{len(numbers[wrong[0]])} numbers instead of index, attribute and value"
        file.refuse(wrong, problem, "Write three numbers on each line")
    return _labels(file, [(row, *line) for row, line in numbers.items() if len(line) == 3])


def _labels(file: AnnotationFile, labels: Sequence[tuple[int, ...]]) -> ImageLabels:
    """Build labels from (row, image, attribute, value)."""
    return ImageLabels(file, *np.asarray(labels, dtype=np.int64).reshape(-1, 4).T)


def _stack(labels: ImageLabels) -> NDArray[np.int64]:
    return np.stack([labels.rows, labels.image, labels.attribute, labels.value])
