"""DeepFashion's list_attr_img.txt: 289,222 images by 1,000 attributes in 0.9 GB of text.

Line 1 is the number of images, line 2 names the columns, then each row holds a path and one value
per attribute, 1 (yes), -1 (no) or 0 (unknown), with blanks between. Only the yeses are kept: a few
per image. The text is read in blocks that fit a processor's cache, and each byte of it is checked.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from m3net.data.annotations.findings import Findings
from m3net.data.annotations.table import reading, rows_error
from m3net.errors import AnnotationError, DatasetNotFoundError

_BLOCK = 1 << 22
_MOST_WRONG, _MOST_BLANK = 100_000, 1 << 22
"""Lines of a block that are named one by one, and bytes of blank ones together."""
_ZERO, _ONE, _MINUS, _LINE_END = b"01-\n"
_BLANKS = b" \t\r\n"


@dataclass(frozen=True)
class AttributeMatrix:
    """The yeses of N images.

    Attributes:
        paths: N image paths.
        rows: (N,) int64, the line of each image, counted from 1.
        image: (L,) int64, place of the image of each yes.
        column: (L,) int64, its attribute, counted from 0.
    """

    paths: list[str]
    rows: NDArray[np.int64]
    image: NDArray[np.int64]
    column: NDArray[np.int64]


def read_attribute_matrix(
    file: Path, num_attributes: int, option: str, findings: Findings
) -> AttributeMatrix:
    """Read the whole file; rows that are wrong are named and left out.

    Args:
        file: In the form above.
        num_attributes: Values in each row.
        option: The command line option that says where the file lies, for the error.
        findings: Takes wrong rows.

    Raises:
        DatasetNotFoundError: There is no such file.
        AnnotationError: It has no count or no names of columns, or a row is wrong and the first
            problem stops.
    """
    if not file.is_file():
        raise DatasetNotFoundError.at("annotation file", file, option)
    paths: list[str] = []
    none = np.arange(0)
    rows, images, columns = [none], [none], [none]
    number = 2
    problems: dict[str, list[int]] = {}
    with reading(file), file.open("rb") as stream:
        expected = read_head(file, stream)
        for text in _blocks(file, stream):
            _check_lines(file, number + 1, text, num_attributes)
            block = _parse(text, num_attributes)
            for row, problem in sorted(block.problems.items()):
                problems.setdefault(problem, []).append(number + 1 + row)
            images.append(block.image + len(paths))
            columns.append(block.column)
            rows.append(block.rows + number + 1)
            paths += block.paths
            number += block.num_lines
    for problem, wrong in problems.items():
        remedy = f"Write a path and {num_attributes:,} values of 1, -1 or 0"
        findings.problem(rows_error(file, wrong, problem, remedy))
    check_count(file, expected, number - 2, findings)
    return AttributeMatrix(paths, *(np.concatenate(own) for own in (rows, images, columns)))


def read_head(file: Path, stream: BinaryIO) -> int:
    """Read the first two lines, and give the number of rows that the first promises.

    Raises:
        AnnotationError: The first is no number, or the second does not name the columns.
    """
    count = stream.readline(100).removeprefix(codecs.BOM_UTF8).strip()
    names = stream.readline(1000).split()
    if not count.isdigit():
        problem = f"{count[:40].decode(errors='replace')!r} is not the number of rows"
        raise AnnotationError.at(file, 1, problem, "Write it into line 1, in plain text")
    if len(names) < 2 or not names[0].endswith(b"_name"):
        problem = "it does not name the columns"
        raise AnnotationError.at(file, 2, problem, "Write 'image_name' and the others into line 2")
    return int(count)


def check_count(file: Path, expected: int, found: int, findings: Findings) -> None:
    """Name a difference between the rows that line 1 promises and those that are there."""
    if expected != found:
        problem = f"it promises {expected:,} rows, but {found:,} follow"
        remedy = "Fetch the file anew: it may be cut off"
        findings.problem(AnnotationError.at(file, 1, problem, remedy))


@dataclass(frozen=True)
class _Block:
    """Whole lines, read; `rows` and `problems` count them from 0."""

    num_lines: int
    paths: list[str]
    rows: NDArray[np.int64]
    image: NDArray[np.int64]
    column: NDArray[np.int64]
    problems: dict[int, str]


def _check_lines(file: Path, row: int, text: bytes, num_attributes: int) -> None:
    """Refuse millions of short lines: to name each takes 300 bytes for its one or two."""
    lines = text.count(b"\n")
    # A right one has a blank and a digit for each value.
    if lines > max(_MOST_WRONG, len(text) // num_attributes):
        problem = f"{lines:,} lines follow, most of which hold less than {num_attributes:,} values"
        raise AnnotationError.at(file, row, problem, "Fetch the file anew")


def _blocks(file: Path, stream: BinaryIO) -> Iterator[bytes]:
    """Give the rest of a file in blocks of whole lines, without blank lines at its end."""
    held = b""
    while block := stream.read(_BLOCK) + stream.readline():
        # Blank lines wait until another line shows that they are not the end.
        block = held + block
        lines = block.rstrip(_BLANKS)
        held = block[len(lines) :].partition(b"\n")[2] if lines else block
        if lines:
            yield lines + b"\n"
        if len(held) > _MOST_BLANK:
            problem = "it has millions of blank lines"
            raise AnnotationError.at(file, None, problem, "Delete them or fetch the file anew")


def _parse(text: bytes, num_attributes: int) -> _Block:
    """Read lines without a Python object or an index for each of their thousand values."""
    data = np.frombuffer(text, dtype=np.uint8)
    ends = np.flatnonzero(data == _LINE_END)
    starts = np.concatenate([[0], ends[:-1] + 1])
    blank = np.logical_or.reduce([data == sign for sign in _BLANKS])
    after_blank = np.concatenate([[True], blank[:-1]])
    ones = data == _ONE
    word_starts = ~blank & after_blank
    words = np.cumsum(word_starts, dtype=np.int32)
    before = words[starts] - word_starts[starts]
    strange = np.flatnonzero(~_fits_a_value(data, blank, after_blank, ones))
    line_of_strange = np.searchsorted(starts, strange, side="right") - 1
    # Of the path, which is the first word of its line, any byte is right.
    wrong = line_of_strange[words[strange] - before[line_of_strange] > 1]
    problems = dict.fromkeys(wrong.tolist(), "a value is not 1, -1 or 0")
    num_values = words[ends] - before - 1
    for line in np.flatnonzero(num_values != num_attributes).tolist():
        problems[line] = f"{max(int(num_values[line]), 0):,} values"
    paths = _read_paths(text, starts, ends, problems)
    good = np.ones(len(ends), dtype=np.bool_)
    good[list(problems)] = False
    yes = np.flatnonzero(ones & after_blank)
    line_of_yes = np.searchsorted(ends, yes)
    # A path may start with "1" as well.
    column = words[yes] - before[line_of_yes] - 2
    kept = good[line_of_yes] & (column >= 0)
    place = np.cumsum(good) - 1
    return _Block(
        num_lines=len(ends),
        paths=[path for path, fine in zip(paths, good.tolist(), strict=True) if fine],
        rows=np.flatnonzero(good),
        image=place[line_of_yes[kept]],
        column=column[kept].astype(np.int64),
        problems=problems,
    )


def _read_paths(
    text: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], problems: dict[int, str]
) -> list[str]:
    """Give the first word of each line, "" where it has a problem; wrong paths are added."""
    paths = [""] * len(starts)
    for line, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        if line in problems:
            continue
        path = text[start:end].split(None, 1)[0]
        try:
            paths[line] = path.decode()
        except UnicodeDecodeError:
            problems[line] = "its path is not UTF-8"
        if b"\0" in path:
            problems[line] = "its path holds a zero byte"
    return paths


def _fits_a_value(
    data: NDArray[np.uint8],
    blank: NDArray[np.bool_],
    after_blank: NDArray[np.bool_],
    ones: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Say of each byte whether it is a blank or at its place in a word that is 1, -1 or 0."""
    before_blank = np.concatenate([blank[1:], [True]])
    minus = (data == _MINUS) & after_blank
    minus[:-1] &= ones[1:]
    # Whatever stands before the last digit of a word fits only if it is a minus, before a 1.
    digit = (ones | (data == _ZERO)) & before_blank
    fits: NDArray[np.bool_] = blank | minus | digit
    return fits
