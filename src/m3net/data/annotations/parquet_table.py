"""Read the columns of a Parquet catalogue as text, within bounded memory."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from m3net.boundary.bounded_parquet import MOST_COLUMNS, REMEDY, BoundedParquet
from m3net.boundary.parquet_pages import DELTA
from m3net.boundary.regular_file import MIB, ExcessError
from m3net.errors import AnnotationError

_MOST_CELLS = 2**23
"""Cells of a small file; each takes up to 60 bytes until the catalogue is read."""
_MOST_TEXT, _MOST_RATIO = 128 * MIB, 64
"""Bytes of text in all, or as a multiple of the bytes of the file."""

Column = NDArray[np.object_]


def read_parquet_table(file: Path) -> tuple[list[str], list[Column]]:
    """Return the names of all columns, and their cells without outer blanks, "" for null.

    Args:
        file: Parquet; every column is text or can be written as text.

    Raises:
        AnnotationError: It is not Parquet, a column is not text, or it expands to far more cells
            or text than a file of its size should hold.
    """
    try:
        with BoundedParquet(file) as opened:
            _check_types(file, opened)
            # Arrow builds the schema at each access.
            fields = list(opened.by_dictionary.schema_arrow)
            _check_size(opened, fields)
            columns = [_read_column(file, opened, *field) for field in enumerate(fields)]
            return [field.name for field in fields], columns
    except ExcessError as error:
        raise AnnotationError.at(file, None, str(error), REMEDY) from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise AnnotationError.at(file, None, f"not Parquet: {error}", "Write it again") from error


def _check_types(file: Path, opened: BoundedParquet) -> None:
    """Refuse nested columns, whose cells may hold anything."""
    schema, columns = opened.content.schema_arrow, opened.content.schema
    for field in schema:
        kind = field.type
        while isinstance(kind, pa.BaseExtensionType):
            kind = kind.storage_type
        if pa.types.is_nested(kind):
            raise _not_text(file, field.name, field.type)
    if len(schema) > MOST_COLUMNS:
        raise ExcessError(f"it has {len(schema):,} columns; up to {MOST_COLUMNS:,} are read")
    if len(columns) != len(schema) or any(
        columns.column(leaf).max_repetition_level for leaf in range(len(schema))
    ):
        raise ExcessError("its columns are not those of a table")


def _check_size(opened: BoundedParquet, fields: Sequence[pa.Field]) -> None:
    """Raise an ExcessError if the pages expand to too many cells or too much text."""
    metadata = opened.content.metadata
    groups = range(metadata.num_row_groups)
    leaves = range(metadata.num_columns)
    opened.check_columns(leaves)
    cells = len(leaves) * sum(metadata.row_group(group).num_rows for group in groups)
    opened.check_count("cells", cells, _MOST_CELLS)
    text, most = 0, max(_MOST_TEXT, _MOST_RATIO * opened.size)
    for leaf, field in enumerate(fields):
        text += sum(_text_of(opened, group, leaf, field.type) for group in groups)
        if text > most:
            raise ExcessError(f"its {opened.size:,} bytes stand for more than {most:,} of text")


def _text_of(opened: BoundedParquet, group: int, leaf: int, kind: pa.DataType) -> int:
    """Return the most bytes that a column's text may take in a row group."""
    column = opened.column(group, leaf)
    if column.delta_texts:
        raise ExcessError(f"its texts are {DELTA}")
    leaf_type = opened.content.schema.column(leaf)
    width = max(leaf_type.length, 0)
    if leaf_type.physical_type == "BYTE_ARRAY" and not pa.types.is_dictionary(kind):
        # Where Arrow cannot share them, each cell may be the longest of the dictionary.
        width = column.dictionary
    bound: int = column.expanded + width * column.num_values
    return bound


def _read_column(file: Path, opened: BoundedParquet, index: int, field: pa.Field) -> Column:
    """Return the cells of a column; equal cells of a row group share their text."""
    parts: list[Column] = [np.array([], dtype=object)]
    for group in range(opened.content.num_row_groups):
        # By index: for Arrow, the name "a" also selects all of "a.b".
        table = opened.by_dictionary.reader.read_row_group(group, column_indices=[index])
        # By default Arrow trusts that text is UTF-8 and that indices are in the dictionary.
        table.validate(full=True)
        parts += [_as_text(file, field.name, chunk) for chunk in table.column(0).chunks]
    return np.concatenate(parts)


def _as_text(file: Path, name: str, cells: pa.Array) -> Column:
    try:
        if not pa.types.is_dictionary(cells.type):
            cells = cells.cast(pa.string()).dictionary_encode()
        values = cells.dictionary.cast(pa.string()).to_numpy(zero_copy_only=False)
    except pa.ArrowException as error:
        raise _not_text(file, name, cells.type) from error
    stripped = ["" if value is None else value.strip() for value in values]
    texts = np.array([*stripped, ""], dtype=object)
    # The last text, "", is that of null cells.
    indices = cells.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    column: Column = texts[indices.astype(np.int64)]
    return column


def _not_text(file: Path, name: str, kind: pa.DataType) -> AnnotationError:
    problem = f"column {name!r} holds {kind}, not text"
    return AnnotationError.at(file, None, problem, "Delete it or save it as text")
