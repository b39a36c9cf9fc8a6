"""DeepFashion's list_attr_img.txt: 289,222 images by 1,000 attributes in 0.9 GB of text.

Line 1 is the number of images, line 2 names the columns, then each row holds a path and one value
per attribute, 1 (yes), -1 (no) or 0 (unknown), with blanks between. Only the few yeses are kept.
"""

from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m3net.data.annotations.annotation_file import AnnotationFile, reading
from m3net.data.annotations.deepfashion_tables import check_count, read_head
from m3net.errors import AnnotationError

_MOST_WRONG = 100_000
"""Blank or wrong lines."""
_LONGEST_PATH, _LONGEST_VALUE = 2**16, 32
"""Bytes, with the blanks around."""
_ZERO, _ONE, _MINUS = b"01-"


@dataclass(frozen=True)
class AttributeMatrix:
    """The yeses of N images."""

    paths: list[str]
    """N image paths."""
    rows: NDArray[np.int64]
    """(N,), the line of each image, counted from 1."""
    image: NDArray[np.int64]
    """(L,), index of the image of each yes."""
    column: NDArray[np.int64]
    """(L,), its attribute, counted from 0."""


def read_attribute_matrix(file: AnnotationFile, num_attributes: int) -> AttributeMatrix:
    """Read the file line by line; rows without `num_attributes` values are left out."""
    file.check_exists()
    longest = _LONGEST_PATH + _LONGEST_VALUE * num_attributes
    paths: list[str] = []
    rows, counts, columns = array("q"), array("q"), array("q")
    wrong: dict[str, list[int]] = {}
    number, last, num_wrong = 2, 2, 0
    with reading(file.path), file.path.open("rb") as stream:
        expected = read_head(file, stream.readline(100), stream.readline(1000))
        while line := stream.readline(longest):
            number += 1
            problem = ""
            if len(line) == longest:
                problem = f"it has {longest:,} bytes or more"
            elif num_wrong > _MOST_WRONG:
                problem = f"more than {_MOST_WRONG:,} lines before are blank or wrong"
            if problem:
                raise AnnotationError.at(file.path, number, problem, "Fetch the file again")
            last = number if line.strip() else last
            try:
                path, yes = _parse(line, num_attributes)
            except ValueError as error:
                wrong.setdefault(str(error), []).append(number)
                num_wrong += 1
                continue
            paths.append(path)
            rows.append(number)
            columns.extend(yes.tolist())
            counts.append(len(yes))
    for problem, lines in wrong.items():
        # Blank lines at the end do not count.
        if inside := [row for row in lines if row <= last]:
            remedy = f"Write a path and {num_attributes:,} values of 1, -1 or 0"
            file.refuse(inside, problem, remedy)
    check_count(file, expected, last - 2)
    image = np.repeat(np.arange(len(paths)), np.asarray(counts, dtype=np.int64))
    return AttributeMatrix(paths, np.asarray(rows), image, np.asarray(columns))


def _parse(line: bytes, num_attributes: int) -> tuple[str, NDArray[np.int64]]:
    """Return the path, and the columns whose value is 1.

    Raises:
        ValueError: The line is wrong; the text says how.
    """
    path, values = [*line.split(None, 1), b"", b""][:2]
    values += b"\n"
    data = np.frombuffer(values, dtype=np.uint8)
    digits = (data >= _ZERO).nonzero()[0]
    # If a 1 follows each minus and a blank each digit, each word ends with its only digit.
    if (
        len(digits) != num_attributes
        or values.translate(None, b"01- \t\r\n")
        or values.count(b"-1") != values.count(b"-")
        or (data[digits + 1] >= _MINUS).any()
    ):
        number = len(values.split())
        wrong_number = number != num_attributes
        raise ValueError(f"{number:,} values" if wrong_number else "a value is not 1, -1 or 0")
    if b"\0" in path:
        raise ValueError("its path holds a zero byte")
    try:
        name = path.decode()
    except UnicodeDecodeError as error:
        raise ValueError("its path is not UTF-8") from error
    # The digit at index 0 has no minus: index -1 is the line feed.
    yes = (data[digits] == _ONE) & (data[digits - 1] != _MINUS)
    return name, yes.nonzero()[0]
