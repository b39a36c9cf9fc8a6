"""A CSV or Parquet file -> a table of text whose index is the line in the file."""

import csv
import io
from pathlib import Path

import pandas as pd

from m3net.boundary.bounded_parquet import MOST_COLUMNS
from m3net.data.annotations.annotation_file import read_utf8, rows_error
from m3net.data.annotations.parquet_table import read_parquet_table
from m3net.errors import AnnotationError, DatasetNotFoundError


def read_table(file: Path) -> pd.DataFrame:
    """Read all cells as text without outer blanks, empty where the file holds none.

    The index counts lines from 1, with the header as line 1; a row whose quoted cells span several
    lines has the first of them.

    Args:
        file: UTF-8 CSV with a header, or Parquet.

    Raises:
        DatasetNotFoundError: There is no such file.
        AnnotationError: The file is no table with named columns and at least one row.
    """
    if not file.is_file():
        raise DatasetNotFoundError.at("catalogue", file, "data.file")
    if file.suffix.lower() == ".csv":
        table = _read_csv(file)
    elif file.suffix.lower() == ".parquet":
        names, columns = read_parquet_table(file)
        cells = dict(zip(_checked_header(file, names), columns, strict=True))
        # As in CSV, the first row counts as line 2.
        rows = range(2, len(columns[0]) + 2)
        table = pd.DataFrame(cells, index=rows, dtype=object, copy=False)
    else:
        raise AnnotationError.at(file, None, "neither .csv nor .parquet", "Save it as one of them")
    if table.empty:
        raise AnnotationError.at(file, None, "it has no rows", "Add a row for each image")
    return table


def _read_csv(file: Path) -> pd.DataFrame:
    """Read the cells of a CSV file without its blank lines."""
    reader = csv.reader(io.StringIO(read_utf8(file), newline=""), strict=True)
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


def _checked_header(file: Path, cells: list[str]) -> list[str]:
    """Return the column names without outer blanks; each must be there, and once."""
    header = [cell.strip() for cell in cells]
    if not header:
        raise AnnotationError.at(file, 1, "it has no header", "Put the column names into line 1")
    if len(header) > MOST_COLUMNS:
        problem = f"it has {len(header):,} columns; up to {MOST_COLUMNS:,} are read"
        raise AnnotationError.at(file, 1, problem, "Leave one column for each attribute")
    known: set[str] = set()
    for number, name in enumerate(header, 1):
        if not name or name.startswith("__index_level_"):
            remedy = "Name it or delete it; pandas leaves its index out with index=False"
            raise AnnotationError.at(file, 1, f"column {number} has no name", remedy)
        if name in known:
            problem = f"two columns have the name {name!r}"
            raise AnnotationError.at(file, 1, problem, "Rename or delete one of them")
        known.add(name)
    return header
