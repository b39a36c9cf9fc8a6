"""A CSV or Parquet file -> rows of text."""

import csv
import io

import pandas as pd

from m3net.boundary.bounded_parquet import MOST_COLUMNS
from m3net.data.annotations.annotation_file import AnnotationFile, read_utf8
from m3net.data.annotations.parquet_table import read_parquet_table
from m3net.data.annotations.text_rows import TextRows
from m3net.errors import AnnotationError, DatasetNotFoundError


def read_table(file: AnnotationFile) -> TextRows:
    """Read all cells as text without outer blanks, empty where the file holds none.

    Lines count from 1, with the header as line 1; a row whose quoted cells span several lines has
    the first of them.

    Args:
        file: UTF-8 CSV with a header, or Parquet.

    Raises:
        DatasetNotFoundError: There is no such file.
        AnnotationError: The file is not a table with named columns and at least one row.
    """
    path = file.path
    if not path.is_file():
        raise DatasetNotFoundError.at("catalogue", path, "data.file")
    if path.suffix.lower() == ".csv":
        rows = _read_csv(file)
    elif path.suffix.lower() == ".parquet":
        names, columns = read_parquet_table(path)
        cells = dict(zip(_checked_header(file, names), columns, strict=True))
        # As in CSV, the first row counts as line 2.
        index = range(2, len(columns[0]) + 2)
        rows = TextRows(file, pd.DataFrame(cells, index=index, dtype=object, copy=False))
    else:
        raise AnnotationError.at(path, None, "neither .csv nor .parquet", "Save it as one of them")
    if rows.table.empty:
        raise AnnotationError.at(path, None, "it has no rows", "Add a row for each image")
    return rows


def _read_csv(file: AnnotationFile) -> TextRows:
    """Read the cells of a CSV file without its blank lines."""
    reader = csv.reader(io.StringIO(read_utf8(file.path), newline=""), strict=True)
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
        problem = f"not CSV: {error}"
        raise AnnotationError.at(file.path, line, problem, "Mend its quotes") from error
    return TextRows.of_cells(file, rows, header, "Put cells that hold commas into quotes")


def _checked_header(file: AnnotationFile, cells: list[str]) -> list[str]:
    """Return the column names without outer blanks; each must be there, and once."""
    header = [cell.strip() for cell in cells]
    problem = ""
    if not header:
        problem, remedy = "it has no header", "Put the column names into line 1"
    elif len(header) > MOST_COLUMNS:
        problem = f"it has {len(header):,} columns; up to {MOST_COLUMNS:,} are read"
        remedy = "Leave one column for each attribute"
    elif unnamed := [n for n, name in enumerate(header, 1) if not name or _is_index(name)]:
        problem = f"column {unnamed[0]} has no name"
        remedy = "Name it or delete it; pandas leaves its index out with index=False"
    elif len({*header}) < len(header):
        twice = next(name for number, name in enumerate(header) if name in header[:number])
        problem, remedy = f"two columns have the name {twice!r}", "Rename or delete one of them"
    if problem:
        raise AnnotationError.at(file.path, 1, problem, remedy)
    return header


def _is_index(name: str) -> bool:
    """Tell whether pandas wrote a column for its nameless index."""
    return name.startswith("__index_level_")
