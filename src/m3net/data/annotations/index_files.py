"""The index files of the ASEN family: training images, queries and gallery images.

Ma, Dong, Long, Zhang, He, Xue, Ji: "Fine-Grained Fashion Similarity Learning by Attribute-Specific
Embedding Network", AAAI 2020. All numbers count from 0:

* `filenames_<split>.txt`: an image path on each line; an index is a line of this file.
* `label_train.txt`: "index attribute value [attribute value ...]".
* `query_<split>.txt`, `candidate_<split>.txt`: "index attribute value". An image is either a query
  or in the gallery, for the attributes that are listed here alone.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from m3net.data.annotations.annotation_file import AnnotationFile
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.image_labels import ImageLabels, ImageList, labelled_only
from m3net.data.annotations.published_counts import Counts, check_counts
from m3net.data.records import Records, Role, SplitName, Splits
from m3net.data.taxonomy import Taxonomy

Evaluated = Literal["val", "test"]

JPEG = frozenset({"jpeg"})
"""The format of all photos of these data sets; files of other formats are placeholders."""
_EVALUATED = ("query", "candidate")
_SUFFIXES = {"train": "train", "val": "valid", "test": "test"}


def index_file(folder: Path, kind: str, split: str) -> Path:
    """Return the path of an index file, such as of kind "query" and split "val"."""
    return folder / f"{kind}_{_SUFFIXES[split]}.txt"


def index_files(folder: Path) -> list[Path]:
    """Return the paths of all index files, whether they exist or not."""
    train = [index_file(folder, kind, "train") for kind in ("filenames", "label")]
    kinds = ("filenames", *_EVALUATED)
    return train + [index_file(folder, kind, split) for split in ("val", "test") for kind in kinds]


def read_splits(
    name: str,
    taxonomy: Taxonomy,
    published: Mapping[str, Counts],
    findings: Findings,
    read: Callable[[SplitName], Records],
) -> Splits:
    """Read train, val and test; a split that fails as a whole is reported and stays empty.

    Args:
        name: Name of the data set, for errors.
        taxonomy: Attributes and classes.
        published: Counts of each split; empty where the files are not the published ones.
        findings: Collects problems and notes.
        read: Reads a split.
    """
    splits = empty_splits(taxonomy).named()
    for split in splits:
        with findings.part():
            records = read(split)
            if split in published:
                check_counts(f"{name} {split}", published[split], records, taxonomy, findings)
            splits[split] = records
    return Splits(**splits)


def empty_splits(taxonomy: Taxonomy) -> Splits:
    """Return three splits without images."""
    empty = Records.unlabelled([], len(taxonomy), taxonomy.num_classes)
    return Splits(empty, empty, empty)


def read_split(folder: Path, taxonomy: Taxonomy, findings: Findings, split: SplitName) -> Records:
    """Read a split whose queries are images."""
    if split == "train":
        return read_train(folder, taxonomy, findings)
    return read_evaluation(folder, split, taxonomy, findings)


def read_train(folder: Path, taxonomy: Taxonomy, findings: Findings) -> Records:
    """Read the training images that have a label."""
    images = read_images(folder, "train", findings)
    file = AnnotationFile(index_file(folder, "label", "train"), findings)
    labels = read_label_lines(file, several=True)
    labels = images.check_labels(labels, taxonomy)
    return labelled_only(images.join(labels, taxonomy), images.file)


def read_evaluation(
    folder: Path, split: Evaluated, taxonomy: Taxonomy, findings: Findings
) -> Records:
    """Read the images of val or test, with the labels of the query and candidate files."""
    images = read_images(folder, split, findings)
    files = [AnnotationFile(index_file(folder, kind, split), findings) for kind in _EVALUATED]
    queries, gallery = (
        images.check_labels(read_label_lines(file, several=False), taxonomy) for file in files
    )
    problem = f": its image is a query in {queries.file.name} too"
    both = np.isin(gallery.image, queries.image)
    gallery = gallery.without(both, problem, "Leave it in one of the files")
    labels = ImageLabels(images.file, *np.concatenate([queries.columns, gallery.columns], axis=1))
    images.refuse_unlabelled(labels, "neither query nor candidate")
    roles = images.roles(queries, taxonomy, Role.QUERY)
    roles |= images.roles(gallery, taxonomy, Role.GALLERY)
    return images.join(labels, taxonomy, roles)


def read_images(folder: Path, split: SplitName, findings: Findings) -> ImageList:
    """Read `filenames_<split>.txt`; a wrong path becomes "".

    The published lists of DeepFashion name some images twice, with different labels. Both lines
    are kept, as in the published scores, and a note counts them.
    """
    file = AnnotationFile(index_file(folder, "filenames", split), findings)
    images = ImageList(file, file.paths())
    images.note_repeated()
    return images


def read_label_lines(file: AnnotationFile, *, several: bool) -> ImageLabels:
    """Read labels whose numbers are not checked yet.

    Args:
        file: Lines of "index attribute value".
        several: Whether a line may go on with more pairs of attribute and value; then each image
            has one line.
    """
    numbers = file.numbers()
    if several:
        wrong = [row for row, line in numbers.items() if len(line) < 3 or len(line) % 2 == 0]
        more, remedy = ", ...", "Write a value behind each attribute"
    else:
        wrong = [row for row, line in numbers.items() if len(line) != 3]
        more, remedy = "", "Write three numbers on each line"
    if wrong:
        problem = f"{len(numbers[wrong[0]])} numbers instead of index, attribute, value{more}"
        file.refuse(wrong, problem, remedy)
    first: dict[int, int] = {}
    twice = [row for row, line in numbers.items() if first.setdefault(line[0], row) != row]
    if several and twice:
        problem = f"index {numbers[twice[0]][0]} has a line of labels already"
        file.refuse(twice, problem, "Leave one line for each image")
        wrong += twice
    left_out = {*wrong}
    labels = [
        (row, line[0], attribute, value)
        for row, line in numbers.items()
        if row not in left_out
        for attribute, value in zip(line[1::2], line[2::2], strict=True)
    ]
    return ImageLabels(file, *np.asarray(labels, dtype=np.int64).reshape(-1, 4).T)
