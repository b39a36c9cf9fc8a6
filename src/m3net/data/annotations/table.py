"""From a CSV or Parquet file to a table of text whose every row knows its line in the file."""

import csv
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from m3net.boundary.bounded_parquet import MOST_COLUMNS
from m3net.boundary.regular_file import ExcessError, read_bytes
from m3net.data.annotations.parquet_table import as_frame, read_parquet_table
from m3net.errors import AnnotationError, DatasetNotFoundError

MOST_BYTES = 2**32
"""Of a file of text that is read as a whole; in memory it takes up to 100 times as much, where it
is made of the shortest lines, and about 10 times where it is honest."""


def rows_error(
    file: Path, rows: Iterable[int], problem: str, remedy: str, more: str = ""
) -> AnnotationError:
    """Make one error for all rows that share a problem: the first five of them and their number.

    Args:
        file: Where the rows stand.
        rows: Their lines, at least one.
        problem: What is wrong with the first, without a full stop.
        remedy: What to do about it, without a full stop.
        more: What else to say, behind the rows.
    """
    lines = [int(row) for row in rows]
    listed = ", ".join(map(str, lines[:5])) + (", ..." if len(lines) > 5 else "")
    several = f" ({len(lines)} rows: {listed})" if len(lines) > 1 else ""
    return AnnotationError.at(file, lines[0], problem + several + more, remedy)


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Turn the system's refusal to read a file that is there into a sentence.

    Raises:
        AnnotationError: The system does not let it be read, or it is too large.
    """
    try:
        yield
    except OSError as error:
        problem = f"it cannot be read: {error.strerror}"
        raise AnnotationError.at(file, None, problem, "Mend its permissions or its disk") from error
    except ExcessError as error:
        raise AnnotationError.at(file, None, str(error), "Split it or name another") from error


def read_table(file: Path) -> pd.DataFrame:
    """Give all cells as text without outer blanks, empty where the file holds none.

    The index is the line of each row, counted from 1 with the header as line 1; a row whose quoted
    cells span several lines stands in the first of them.

    Args:
        file: UTF-8 CSV with a header, or Parquet.

    Raises:
        DatasetNotFoundError: There is no such file.
        AnnotationError: The file is no table with named columns and at least one row.
    """
    if not file.is_file():
        raise DatasetNotFoundError.at("catalogue", file, "--data.file")
    if file.suffix.lower() == ".csv":
        table = _read_csv(file)
    elif file.suffix.lower() == ".parquet":
        table = _read_parquet(file)
    else:
        raise AnnotationError.at(file, None, "neither .csv nor .parquet", "Save it as one of them")
    if table.empty:
        raise AnnotationError.at(file, None, "it has no rows", "Add a row for each image")
    return table


def _read_csv(file: Path) -> pd.DataFrame:
    """Give the cells of a CSV file; blank lines hold none and are passed over."""
    reader = csv.reader(io.StringIO(_text(file), newline=""), strict=True)
    rows: dict[int, list[str]] = {}
    line = 1
    try:
        header = _checked_header(file, next(reader, []))
        line = reader.line_num + 1
        for cells in reader:
            if cells:
                rows[line] = [cell.strip() for cell in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        raise AnnotationError.at(file, line, f"not CSV: {error}", "Mend its quotes") from error
    if ragged := [line for line, cells in rows.items() if len(cells) != len(header)]:
        problem = f"{len(rows[ragged[0]])} cells where the header has {len(header)}"
        raise rows_error(file, ragged, problem, "Put cells that hold commas into quotes")
    return pd.DataFrame(list(rows.values()), columns=header, index=list(rows), dtype=object)


def _text(file: Path) -> str:
    """Give the text of a UTF-8 file, without the byte order mark that spreadsheets put first."""
    with reading(file):
        content = read_bytes(file, MOST_BYTES)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        value = content[error.start : error.start + 1]
        problem = f"byte {value!r} is not UTF-8"
        raise AnnotationError.at(file, line, problem, "Save the file as UTF-8") from error


def _read_parquet(file: Path) -> pd.DataFrame:
    """Give the columns of a Parquet file as text."""
    names, columns = read_parquet_table(file)
    return as_frame(_checked_header(file, names), columns)


def _checked_header(file: Path, cells: list[str]) -> list[str]:
    """Give the column names without outer blanks; refuse a column that no name would reach."""
    header = [cell.strip() for cell in cells]
    if not header:
        raise AnnotationError.at(file, 1, "it has no header", "Put the column names into line 1")
    if len(header) > MOST_COLUMNS:
        problem = f"it has {len(header):,} columns; up to {MOST_COLUMNS:,} are read"
        raise AnnotationError.at(file, 1, problem, "Leave one column for each attribute")
    known: set[str] = set()
    for place, name in enumerate(header):
        if not name or name.startswith("__index_level_"):
            remedy = "Name it or delete it; pandas leaves its index out with index=False"
            raise AnnotationError.at(file, 1, f"column {place + 1} has no name", remedy)
        if name in known:
            problem = f"two columns have the name {name!r}"
            raise AnnotationError.at(file, 1, problem, "Rename or delete one of them")
        known.add(name)
    return header
