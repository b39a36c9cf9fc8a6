"""The small tables of DeepFashion's download: which split an image is in, where its garment is.

Each file has the number of rows in line 1 and names of columns in line 2; then come rows padded
with blanks.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m3net.data.annotations.attribute_matrix import check_count, read_head
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.index_files import OPTION
from m3net.data.annotations.rows import Rows
from m3net.data.annotations.text import read_lines
from m3net.errors import AnnotationError, DatasetNotFoundError

_FOLDERS = ("", "Anno", "Anno_coarse", "Eval")


def find_file(folder: Path, name: str) -> Path:
    """Give the place of a file of the download, beside the index files or in its own folders.

    Raises:
        DatasetNotFoundError: It is in none of them.
    """
    file = place_file(folder, name)
    if not file.is_file():
        raise DatasetNotFoundError.at("annotation file", file, OPTION)
    return file


def place_file(folder: Path, name: str) -> Path:
    """Give the place of a file of the download; in Anno where it is in none of the folders."""
    places = [folder / inner / name for inner in _FOLDERS]
    return next((place for place in places if place.is_file()), folder / "Anno" / name)


def read_padded(file: Path, columns: Sequence[str], findings: Findings) -> Rows:
    """Read a file of the form above.

    Args:
        file: The file.
        columns: What they hold; a first column other than "path" may hold blanks.
        findings: Takes problems.

    Raises:
        M3NetError: The file is missing or wrong.
    """
    lines = read_lines(file, OPTION)
    with file.open("rb") as stream:
        expected = read_head(file, stream)
    # Names of attributes hold blanks, paths none: there, one more is a wrong row.
    most = -1 if columns[0] == "path" else len(columns) - 1
    cells = [line.rsplit(maxsplit=most) for line in lines[2:]]
    check_count(file, expected, len(cells), findings)
    rows = Rows(file, cells, columns, findings, first_row=3)
    if columns[0] == "path":
        rows.refuse_paths()
    return rows


def read_partition(folder: Path, findings: Findings) -> dict[str, str]:
    """Give the split of each image path, "train", "val" or "test", by `list_eval_partition.txt`.

    Raises:
        M3NetError: The file is missing or wrong.
    """
    rows = read_padded(find_file(folder, "list_eval_partition.txt"), ("path", "split"), findings)
    unknown = ~rows["split"].isin(["train", "val", "test"])
    rows.refuse(unknown, "split", "unknown", "Write train, val or test")
    rows.refuse_other_rows()
    return dict(zip(rows["path"], rows["split"], strict=True))


def read_boxes(folder: Path, paths: Sequence[str], findings: Findings) -> NDArray[np.int32]:
    """Give the (N, 4) boxes of some images, as `Record.box`, by `list_bbox.txt`.

    Args:
        folder: Holds the file.
        paths: The images.
        findings: Takes problems.

    Raises:
        M3NetError: The file is missing or wrong, or has no box for an image.
    """
    file = find_file(folder, "list_bbox.txt")
    sides = ("x1", "y1", "x2", "y2")
    rows = read_padded(file, ("path", *sides), findings)
    for side in sides:
        bad = ~rows[side].str.fullmatch(r"\d{1,6}")
        rows.refuse(bad, side, "not a number of pixels", "Write whole numbers from 0")
    rows.refuse_other_rows()
    numbers = rows.table[[*sides]].astype(np.int32)
    empty = (numbers["x2"] <= numbers["x1"]) | (numbers["y2"] <= numbers["y1"])
    remedy = "Write x1 below x2 and y1 below y2"
    rows.refuse(empty, "path", "its box is empty", remedy)
    boxes = dict(zip(rows["path"], numbers[~empty].to_numpy(), strict=True))
    lacking = [path for path in paths if path not in boxes]
    if lacking:
        problem = f"no box for {len(lacking):,} images, as {lacking[0]!r}"
        findings.problem(AnnotationError.at(file, None, problem, "Fetch the file anew"))
    nowhere = np.zeros(4, dtype=np.int32)
    return np.array([boxes.get(path, nowhere) for path in paths], dtype=np.int32).reshape(-1, 4)
