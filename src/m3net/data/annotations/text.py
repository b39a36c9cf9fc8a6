"""Text files to lines and numbers; every row that is wrong is named."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m3net.boundary.regular_file import read_bytes
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.table import MOST_BYTES, reading, rows_error
from m3net.errors import AnnotationError, DatasetNotFoundError

# An absolute path, on any system, or one that climbs, or what no file can be called.
OUTSIDE = r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)|\0"
LEAVES = re.compile(OUTSIDE)
_MOST_WIDTH, _MOST_WASTE = 2**24, 64
"""Letters of texts that are made equally long: in all, or times those that they have."""
# More digits than any index has could not be counted in 64 bits.
_NUMBERS = re.compile(r"\s*\d{1,9}(?:\s+\d{1,9})*\s*", re.ASCII)


def read_lines(file: Path, option: str) -> list[str]:
    """Give the lines of a text file, with LF or CRLF ends; row i is number i - 1.

    Blank lines at the end are left out; the last line may lack its end.

    Args:
        file: UTF-8, with a byte order mark or without.
        option: The command line option that says where the file lies, for the error.

    Raises:
        DatasetNotFoundError: There is no such file.
        AnnotationError: It is empty, not UTF-8 text, or has a blank line or another kind of line
            ends.
    """
    if not file.is_file():
        raise DatasetNotFoundError.at("annotation file", file, option)
    with reading(file):
        content = read_bytes(file, MOST_BYTES)
    text = _decode(file, content)
    for sign, name in (("\r", "a carriage return without a line feed"), ("\0", "a zero byte")):
        if (place := text.find(sign)) >= 0:
            row = text.count("\n", 0, place) + 1
            raise AnnotationError.at(file, row, name, "Save the file as plain text with LF ends")
    lines = text.rstrip().split("\n")
    if lines == [""]:
        raise AnnotationError.at(file, None, "it is empty", "Fetch or write it anew")
    blank = [row for row, line in enumerate(lines, 1) if not line.strip()]
    if blank:
        raise rows_error(file, blank, "blank line", "Delete it: indices count lines")
    return lines


def _decode(file: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        problem = f"byte {content[error.start : error.start + 1]!r} is not UTF-8"
        raise AnnotationError.at(file, row, problem, "Save the file as UTF-8") from error


def read_paths(file: Path, option: str, findings: Findings) -> list[str]:
    """Give the image paths of a file with one on each line; a wrong one becomes "".

    Args:
        file: As for `read_lines`.
        option: As for `read_lines`.
        findings: Takes paths that leave the image root.

    Raises:
        M3NetError: As `read_lines`, or a path is wrong and the first problem stops.
    """
    paths = [line.strip() for line in read_lines(file, option)]
    for place in refuse_outside(file, range(1, len(paths) + 1), paths, findings):
        paths[place] = ""
    return paths


def refuse_outside(
    file: Path, rows: Sequence[int], paths: Sequence[str], findings: Findings
) -> list[int]:
    """Name the paths that leave the image root, and give their places.

    Args:
        file: Lists the paths.
        rows: The line of each.
        paths: As written.
        findings: Takes those that are absolute, on any system, or climb.
    """
    bad = [place for place, path in enumerate(paths) if LEAVES.search(path)]
    if bad:
        problem = f"path {shortened(paths[bad[0]])!r} leaves the image root"
        remedy = "Write paths relative to the image root"
        findings.problem(rows_error(file, [rows[place] for place in bad], problem, remedy))
    return bad


def check_widths(file: Path, what: str, texts: Sequence[str]) -> None:
    """Refuse a text beside which all others would fill the memory.

    Records keep texts as NumPy does, each with room for the longest.

    Args:
        file: Lists the texts.
        what: They are, as "image path".
        texts: They.

    Raises:
        AnnotationError: One is far longer than most.

    Example:
        >>> check_widths(Path("a.csv"), "image path", ["a.jpg"] * 100_000)
    """
    lengths = [*map(len, texts)]
    longest = max(lengths, default=0)
    if longest * len(lengths) > max(_MOST_WIDTH, _MOST_WASTE * sum(lengths)):
        shown = shortened(texts[lengths.index(longest)])
        problem = f"{what} {shown!r} has {longest:,} letters, far more than the others"
        raise AnnotationError.at(file, None, problem, "Shorten it")


def shortened(text: str) -> str:
    """Give what an error shows of a text that may be of any length."""
    return text if len(text) <= 200 else f"{text[:200]}..."


def read_numbers(file: Path, option: str, findings: Findings) -> dict[int, list[int]]:
    """Give the whole numbers of each row, without the rows that hold anything else.

    Args:
        file: Numbers from 0 to 999,999,999 with blanks or tabs between and behind them.
        option: As for `read_lines`.
        findings: Takes rows that hold anything else.

    Raises:
        M3NetError: As `read_lines`, or a row is wrong and the first problem stops.
    """
    lines = read_lines(file, option)
    bad = [row for row, line in enumerate(lines, 1) if not _NUMBERS.fullmatch(line)]
    if bad:
        problem = f"{lines[bad[0] - 1].strip()[:60]!r} is not a row of whole numbers from 0"
        findings.problem(rows_error(file, bad, problem, "Write numbers with blanks between"))
    wrong = set(bad)
    return {row: [*map(int, line.split())] for row, line in enumerate(lines, 1) if row not in wrong}


def read_triples(file: Path, option: str, findings: Findings) -> NDArray[np.int64]:
    """Give (n, 4) int64: the row of each line and its three numbers.

    Args:
        file: As for `read_numbers`.
        option: As for `read_lines`.
        findings: Takes rows without exactly three numbers.

    Raises:
        M3NetError: As `read_numbers`.
    """
    numbers = read_numbers(file, option, findings)
    bad = [row for row, found in numbers.items() if len(found) != 3]
    if bad:
        problem = f"{len(numbers[bad[0]])} numbers instead of index, attribute and value"
        findings.problem(rows_error(file, bad, problem, "Write three numbers on each line"))
    kept = [(row, *found) for row, found in numbers.items() if len(found) == 3]
    return np.asarray(kept, dtype=np.int64).reshape(-1, 4)
