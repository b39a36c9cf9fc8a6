"""The index files that the ASEN family published: who trains, who asks, who can be found.

Ma, Dong, Long, Zhang, He, Xue, Ji: "Fine-Grained Fashion Similarity Learning by Attribute-Specific
Embedding Network", AAAI 2020. All numbers count from 0:

* `filenames_<split>.txt`: an image path on each line; an index is a line of this file.
* `label_train.txt`: "index attribute value [attribute value ...]".
* `query_<split>.txt`, `candidate_<split>.txt`: "index attribute value". An image either asks or can
  be found, for the attributes that are listed here and no others.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from m3net.data.annotations.findings import Findings
from m3net.data.annotations.labels import Labels, check_labels, join_labels
from m3net.data.annotations.table import rows_error
from m3net.data.annotations.text import read_numbers, read_paths, read_triples
from m3net.data.records import Records, Role
from m3net.data.taxonomy import Taxonomy

Evaluated = Literal["val", "test"]

OPTION = "--data.annotations"
_SUFFIXES = {"train": "train", "val": "valid", "test": "test"}


def index_file(folder: Path, kind: str, split: str) -> Path:
    """Give the place of an index file, as of kind "query" and split "val"."""
    return folder / f"{kind}_{_SUFFIXES[split]}.txt"


def index_files(folder: Path) -> list[Path]:
    """Give the places of all index files, whether they are there or not."""
    train = [index_file(folder, kind, "train") for kind in ("filenames", "label")]
    kinds = ("filenames", "query", "candidate")
    return train + [index_file(folder, kind, split) for split in ("val", "test") for kind in kinds]


def read_train(folder: Path, taxonomy: Taxonomy, findings: Findings) -> Records:
    """Give the training images; those without a label are left out and counted in a note.

    Args:
        folder: Holds `filenames_train.txt` and `label_train.txt`.
        taxonomy: Attributes and classes.
        findings: Takes problems and notes.

    Raises:
        M3NetError: A file is missing or wrong.
    """
    names = index_file(folder, "filenames", "train")
    paths = read_listed_paths(names, findings)
    labels = read_label_pairs(index_file(folder, "label", "train"), findings)
    labels = check_labels(labels, names.name, len(paths), taxonomy, findings)
    roles = np.zeros((len(paths), len(taxonomy)), dtype=np.uint8)
    records = join_labels(names, paths, labels, roles, taxonomy)
    return labelled_only(records, names.name, findings)


def read_evaluation(
    folder: Path, split: Evaluated, taxonomy: Taxonomy, findings: Findings
) -> Records:
    """Give the images of val or test; each carries the labels of its queries and candidates alone.

    Args:
        folder: Holds `filenames_<split>.txt`, `query_<split>.txt` and `candidate_<split>.txt`.
        split: "val" or "test".
        taxonomy: Attributes and classes.
        findings: Takes problems and notes.

    Raises:
        M3NetError: A file is missing or wrong.
    """
    names = index_file(folder, "filenames", split)
    paths = read_listed_paths(names, findings)
    asked, listed = (
        check_labels(
            _read_label_triples(index_file(folder, kind, split), findings),
            *(names.name, len(paths), taxonomy, findings),
        )
        for kind in ("query", "candidate")
    )
    problem = f"label '{{}}': its image is a query in {asked.file.name} too"
    remedy = "Leave it in one of the files"
    both = np.isin(listed.image, asked.image)
    listed = listed.without(both, problem, remedy, findings)
    labels = _join(asked, listed)
    refuse_idle(names, paths, labels, "neither query nor candidate", findings)
    roles = asked.roles(len(paths), taxonomy, Role.QUERY)
    roles |= listed.roles(len(paths), taxonomy, Role.GALLERY)
    return join_labels(names, paths, labels, roles, taxonomy)


def read_listed_paths(names: Path, findings: Findings) -> list[str]:
    """Give the image paths of `filenames_<split>.txt`; a wrong one becomes "".

    The published lists of DeepFashion name an image twice, with other labels each time: both lines
    stay, as in the published numbers, and a note says how many there are.

    Raises:
        M3NetError: The file is missing, or a path is wrong and the first problem stops.
    """
    paths = read_paths(names, OPTION, findings)
    note_twice(names, paths, findings)
    return paths


def note_twice(file: Path, paths: Sequence[str], findings: Findings) -> None:
    """Note how many lines name an image that an earlier line names."""
    again = len(paths) - len(set(paths))
    if again:
        findings.note(f"{file.name}: {again:,} of its lines name an image that stands there before")


def refuse_idle(
    names: Path, paths: Sequence[str], labels: Labels, problem: str, findings: Findings
) -> None:
    """Name the images of an evaluated split that have no label.

    Args:
        names: Lists the images.
        paths: N paths.
        labels: All labels of the split.
        problem: What an image without a label is, without a full stop.
        findings: Takes the problem.
    """
    idle = np.setdiff1d(np.arange(len(paths)), labels.image)
    if len(idle):
        problem = f"image {paths[idle[0]]!r} is {problem}"
        remedy = "Fetch all files of the split from one source"
        findings.problem(rows_error(names, (idle + 1).tolist(), problem, remedy))


def labelled_only(records: Records, file: str, findings: Findings) -> Records:
    """Leave out the images that no label can be learned from, and note how many.

    Args:
        records: Training images.
        file: Name of the file that lists them.
        findings: Takes the note.
    """
    labelled = np.diff(records.offsets) > 0
    if not labelled.all():
        findings.note(f"{file}: {(~labelled).sum():,} images without a label are left out")
    return records.select(np.flatnonzero(labelled))


def read_label_pairs(file: Path, findings: Findings) -> Labels:
    """Give the labels of lines "index attribute value [attribute value ...]", numbers as they are.

    Raises:
        M3NetError: The file is missing, or a line is wrong and the first problem stops.
    """
    numbers = read_numbers(file, OPTION, findings)
    odd = [row for row, found in numbers.items() if len(found) < 3 or len(found) % 2 == 0]
    if odd:
        problem = f"{len(numbers[odd[0]])} numbers instead of index, attribute, value, ..."
        findings.problem(rows_error(file, odd, problem, "Write a value behind each attribute"))
    lines: dict[int, int] = {}
    twice = [row for row, found in numbers.items() if lines.setdefault(found[0], row) != row]
    if twice:
        problem = f"index {numbers[twice[0]][0]} has a line of labels already"
        findings.problem(rows_error(file, twice, problem, "Leave one line for each image"))
    wrong = {*odd, *twice}
    columns = [
        (row, found[0], attribute, value)
        for row, found in numbers.items()
        if row not in wrong
        for attribute, value in zip(found[1::2], found[2::2], strict=True)
    ]
    return Labels(file, *np.asarray(columns, dtype=np.int64).reshape(-1, 4).T)


def _read_label_triples(file: Path, findings: Findings) -> Labels:
    return Labels(file, *read_triples(file, OPTION, findings).T)


def _join(first: Labels, second: Labels) -> Labels:
    """Put the labels of two files one after the other; rows then mean nothing."""
    columns = ("rows", "image", "attribute", "value")
    return Labels(
        first.file,
        *(np.concatenate([getattr(first, name), getattr(second, name)]) for name in columns),
    )
