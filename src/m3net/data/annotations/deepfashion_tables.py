"""The small tables of DeepFashion's download: the classes, the split and the box of each image.

Each file has the number of rows in line 1 and names of columns in line 2; then come rows padded
with blanks.
"""

import codecs
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m3net.data.annotations.annotation_file import AnnotationFile
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.text_rows import TextRows
from m3net.errors import AnnotationError

_FOLDERS = ("", "Anno", "Anno_coarse", "Eval")


def find_file(folder: Path, name: str, findings: Findings) -> AnnotationFile:
    """Return a file of the download, beside the index files or in a folder of the download.

    Raises:
        DatasetNotFoundError: There is no such file.
    """
    file = AnnotationFile(find_path(folder, name), findings)
    file.check_exists()
    return file


def find_path(folder: Path, name: str) -> Path:
    """Return the path of a file of the download; below Anno if no folder has it."""
    paths = [folder / inner / name for inner in _FOLDERS]
    return next((path for path in paths if path.is_file()), folder / "Anno" / name)


def read_head(file: AnnotationFile, count: bytes, names: bytes) -> int:
    """Return the number of rows in line 1.

    Raises:
        AnnotationError: Line 1 is not a number, or line 2 does not name the columns.
    """
    count = count.removeprefix(codecs.BOM_UTF8).strip()
    if not count.isdigit():
        problem = f"{count[:40].decode(errors='replace')!r} is not the number of rows"
        raise AnnotationError.at(file.path, 1, problem, "Write it into line 1, in plain text")
    columns = names.split()
    if len(columns) < 2 or not columns[0].endswith(b"_name"):
        problem = "it does not name the columns"
        remedy = "Write 'image_name' and the others into line 2"
        raise AnnotationError.at(file.path, 2, problem, remedy)
    return int(count)


def check_count(file: AnnotationFile, promised: int, number: int) -> None:
    """Report a number of rows that differs from that of line 1."""
    if promised != number:
        problem = f"it promises {promised:,} rows, but {number:,} follow"
        file.refuse([1], problem, "Fetch the file again: it may be cut off")


def read_padded(file: AnnotationFile, columns: Sequence[str]) -> TextRows:
    """Read rows padded with blanks; cells of the first column may hold blanks, but not paths."""
    lines = file.lines()
    count, names = (line.encode() for line in [*lines, ""][:2])
    promised = read_head(file, count[:100], names)
    # Names of attributes hold blanks; a path with a blank is a wrong row.
    most = -1 if columns[0] == "path" else len(columns) - 1
    cells = {row: line.strip().rsplit(maxsplit=most) for row, line in enumerate(lines[2:], 3)}
    check_count(file, promised, len(cells))
    rows = TextRows.of_cells(file, cells, columns)
    if columns[0] == "path":
        rows.refuse_paths()
    return rows


def read_partition(folder: Path, findings: Findings) -> dict[str, str]:
    """Read the split of each image path, "train", "val" or "test"."""
    file = find_file(folder, "list_eval_partition.txt", findings)
    rows = read_padded(file, ("path", "split"))
    unknown = ~rows["split"].isin(["train", "val", "test"])
    rows.refuse(unknown, "split", "unknown", "Write train, val or test")
    rows.refuse_contradictions()
    return dict(zip(rows["path"], rows["split"], strict=True))


def read_boxes(folder: Path, paths: Sequence[str], findings: Findings) -> NDArray[np.int32]:
    """Read the (N, 4) boxes of N images, as in `Record.box`; zeros for an image without one."""
    file = find_file(folder, "list_bbox.txt", findings)
    sides = ["x1", "y1", "x2", "y2"]
    rows = read_padded(file, ("path", *sides))
    for side in sides:
        bad = ~rows[side].str.fullmatch(r"\d{1,6}")
        rows.refuse(bad, side, "not a number of pixels", "Write whole numbers from 0")
    rows.refuse_contradictions()
    numbers = rows.table[sides].astype(np.int32)
    empty = (numbers["x2"] <= numbers["x1"]) | (numbers["y2"] <= numbers["y1"])
    rows.refuse(empty, "path", "its box is empty", "Write x1 below x2 and y1 below y2")
    boxes = dict(zip(rows["path"], numbers[~empty].to_numpy(), strict=True))
    if lacking := [path for path in paths if path not in boxes]:
        problem = f"no box for {len(lacking):,} images, such as {lacking[0]!r}"
        file.refuse([], problem, "Fetch the file again")
    rows_of_boxes = [boxes.get(path, (0, 0, 0, 0)) for path in paths]
    return np.array(rows_of_boxes, dtype=np.int32).reshape(-1, 4)
