"""The lines, paths and numbers of a text file; every wrong row is named."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from m3net.boundary.regular_file import ExcessError, read_bytes
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.image_paths import LEAVES, RELATIVE, shortened
from m3net.errors import AnnotationError, DatasetNotFoundError

MOST_BYTES = 2**32
"""Bytes of a text file that is read whole; lines take 10 times as much memory, and up to 100 times
if they are as short as possible."""
# 64 bits hold any number of 9 digits; no index has more.
_NUMBERS = re.compile(r"\s*\d{1,9}(?:\s+\d{1,9})*\s*", re.ASCII)


@dataclass(frozen=True)
class AnnotationFile:
    r"""A UTF-8 text file, with or without byte order mark, with LF or CRLF line ends.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = AnnotationFile(Path(folder, "query.txt"), Findings(keep_going=True))
        ...     length = file.path.write_text("0 1 2\n1 x 2\n")
        ...     file.numbers()
        {1: [0, 1, 2]}
        >>> print(str(file.findings.problems[0]).partition("query.txt")[2])
        , row 2: '1 x 2' is not a row of whole numbers from 0. Write numbers with blanks between.
    """

    path: Path
    findings: Findings
    """Collects the problems of its rows."""

    @property
    def name(self) -> str:
        """File name."""
        return self.path.name

    def refuse(self, rows: Iterable[int], problem: str, remedy: str) -> None:
        """Report a problem of rows, or of the whole file; see `rows_error`."""
        self.findings.problem(rows_error(self.path, rows, problem, remedy))

    def check_exists(self) -> None:
        """Raise a DatasetNotFoundError if the file does not exist."""
        if not self.path.is_file():
            raise DatasetNotFoundError.at("annotation file", self.path, "data.annotations")

    def lines(self) -> list[str]:
        """Read all lines but blank ones at the end; row i is at index i - 1.

        Raises:
            DatasetNotFoundError: There is no such file.
            AnnotationError: It is empty, not UTF-8 text, or has a blank line or other line ends.
        """
        self.check_exists()
        text = read_utf8(self.path).replace("\r\n", "\n")
        for sign, name in (("\r", "a carriage return without a line feed"), ("\0", "a zero byte")):
            if (index := text.find(sign)) >= 0:
                row = text.count("\n", 0, index) + 1
                remedy = "Save the file as plain text with LF ends"
                raise AnnotationError.at(self.path, row, name, remedy)
        lines = text.rstrip().split("\n")
        if lines == [""]:
            raise AnnotationError.at(self.path, None, "it is empty", "Fetch or write it again")
        if blank := [row for row, line in enumerate(lines, 1) if not line.strip()]:
            raise rows_error(self.path, blank, "blank line", "Delete it: indices count lines")
        return lines

    def paths(self) -> list[str]:
        """Read a path from each line; a path that leaves the image root becomes ""."""
        paths = [line.strip() for line in self.lines()]
        for index in self.refuse_outside(range(1, len(paths) + 1), paths):
            paths[index] = ""
        return paths

    def refuse_outside(self, rows: Sequence[int], paths: Sequence[str]) -> list[int]:
        """Report the paths that leave the image root, and return their indices."""
        outside = [index for index, path in enumerate(paths) if LEAVES.search(path)]
        if outside:
            problem = f"path {shortened(paths[outside[0]])!r} leaves the image root"
            self.refuse([rows[index] for index in outside], problem, RELATIVE)
        return outside

    def numbers(self) -> dict[int, list[int]]:
        """Read the numbers of each row, from 0 to 999,999,999 with blanks or tabs between.

        Rows that hold anything else are reported and left out.
        """
        lines = dict(enumerate(self.lines(), 1))
        if wrong := [row for row, line in lines.items() if not _NUMBERS.fullmatch(line)]:
            problem = f"{lines[wrong[0]].strip()[:60]!r} is not a row of whole numbers from 0"
            self.refuse(wrong, problem, "Write numbers with blanks between")
            for row in wrong:
                del lines[row]
        return {row: [*map(int, line.split())] for row, line in lines.items()}


def rows_error(
    file: Path, rows: Iterable[int], problem: str, remedy: str, more: str = ""
) -> AnnotationError:
    """Return one error for all rows with a problem, which lists the first five.

    Args:
        file: The annotation file.
        rows: Lines of the file; none for the whole file.
        problem: What is wrong with the first row, without a full stop.
        remedy: What to do about it, without a full stop.
        more: Text to add after the rows.
    """
    lines = [int(row) for row in rows]
    listed = ", ".join(map(str, lines[:5])) + (", ..." if len(lines) > 5 else "")
    several = f" ({len(lines)} rows: {listed})" if len(lines) > 1 else ""
    return AnnotationError.at(file, lines[0] if lines else None, problem + several + more, remedy)


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Turn a system error about an existing file into an AnnotationError.

    Raises:
        AnnotationError: The system does not let the file be read, or it is too large.
    """
    try:
        yield
    except OSError as error:
        problem = f"it cannot be read: {error.strerror}"
        raise AnnotationError.at(file, None, problem, "Mend its permissions or its disk") from error
    except ExcessError as error:
        raise AnnotationError.at(file, None, str(error), "Split it or name another") from error


def read_utf8(file: Path) -> str:
    """Read a UTF-8 file without the byte order mark that spreadsheets write.

    Raises:
        AnnotationError: It cannot be read, is too large or not UTF-8.
    """
    with reading(file):
        content = read_bytes(file, MOST_BYTES)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # `error.object` starts after a byte order mark.
        text, start = error.object, error.start
        row = text.count(b"\n", 0, start) + 1
        problem = f"byte {text[start : start + 1]!r} is not UTF-8"
        raise AnnotationError.at(file, row, problem, "Save the file as UTF-8") from error
