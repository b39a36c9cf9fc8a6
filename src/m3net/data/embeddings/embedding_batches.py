"""Batches of rows of a Parquet file, each within the memory that the file's size allows."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from m3net.boundary.bounded_parquet import BoundedParquet, most_values
from m3net.boundary.parquet_pages import DELTA, LONGEST_TEXT, Column
from m3net.boundary.regular_file import ExcessError

_MOST_ROWS = 2**20
_MOST_NUMBERS = 2**27
"""Of a small file: reading them takes some seconds, and keeping them 512 MiB."""
_MOST_OF_GROUP = 2**24
"""Numbers of a row group, which one row might hold: reading takes up to 28 bytes for each."""


def check_file(opened: BoundedParquet, names: Sequence[str], lists: str) -> list[int]:
    """Find the columns, and check the number of rows against the size of the file.

    Args:
        opened: The file.
        names: Columns of text and one column of lists.
        lists: Name of the column of lists.

    Returns:
        For each name the index of its leaf column.

    Raises:
        ExcessError: A column is missing or repeated, or there are too many columns or rows.
    """
    metadata = opened.content.metadata
    leaves = [_leaf(opened, name, name == lists) for name in names]
    opened.check_columns(leaves)
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    vectors = leaves[names.index(lists)]
    opened.check_count("rows", sum(group.num_rows for group in groups), _MOST_ROWS)
    numbers = sum(group.column(vectors).num_values for group in groups)
    opened.check_count("numbers", numbers, _MOST_NUMBERS)
    return leaves


def read_batches(
    opened: BoundedParquet, leaves: Sequence[int], batch_size: int
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of all row groups.

    Args:
        opened: The file.
        leaves: Column indices from `check_file`.
        batch_size: Highest number of rows in a batch.

    Raises:
        OSError: The file cannot be read.
        pa.ArrowException: It is damaged.
        ExcessError: A row group holds too much.
    """
    for group in range(opened.content.num_row_groups):
        # Arrow looks for pages even where there are no rows.
        if not opened.content.metadata.row_group(group).num_rows:
            continue
        for leaf in leaves:
            column = opened.column(group, leaf)
            if opened.content.schema.column(leaf).max_repetition_level:
                _check_lists(group, column)
            else:
                _check_texts(opened, group, leaf, column)
        # By index: for Arrow, the name "a" also selects all of "a.b".
        yield from opened.content.reader.iter_batches(
            batch_size, row_groups=[group], column_indices=[*leaves], use_threads=False
        )


def _leaf(opened: BoundedParquet, name: str, is_list: bool) -> int:
    """Return the index of a column of text, or of the numbers in a column of lists."""
    columns = map(opened.content.schema.column, range(opened.content.metadata.num_columns))
    leaves = [
        leaf
        for leaf, column in enumerate(columns)
        if (column.path == name or (is_list and column.path.startswith(f"{name}.")))
        and column.max_repetition_level == is_list
    ]
    if len(leaves) != 1:
        raise ExcessError(f"it has {len(leaves)} columns {name!r}")
    return leaves[0]


def _check_lists(group: int, column: Column) -> None:
    """Refuse a row group whose longest row might fill the memory."""
    most = most_values(column.stored, _MOST_OF_GROUP)
    if column.num_values > most:
        problem = f"{column.stored:,} bytes of row group {group} stand for"
        raise ExcessError(f"{problem} {column.num_values:,} numbers, more than {most:,}")


def _check_texts(opened: BoundedParquet, group: int, leaf: int, column: Column) -> None:
    """Refuse texts that might fill the memory in one batch."""
    name = opened.content.schema.column(leaf).path
    if column.delta_texts:
        raise ExcessError(f"column {name!r} is {DELTA}")
    longest = _longest_of_dictionary(opened, name, group, leaf) if column.dictionary else 0
    if column.long_texts or longest > LONGEST_TEXT:
        raise ExcessError(f"column {name!r} has names of more than {LONGEST_TEXT:,} bytes")


def _longest_of_dictionary(opened: BoundedParquet, name: str, group: int, leaf: int) -> int:
    """Return the bytes of the longest text in a column's dictionary.

    Arrow returns the whole dictionary with the first row.
    """
    first = next(
        opened.by_dictionary.reader.iter_batches(
            1, row_groups=[group], column_indices=[leaf], use_threads=False
        )
    )
    kind = first.schema.field(0).type
    if not pa.types.is_dictionary(kind):
        raise ExcessError(f"column {name!r} holds {kind}, not text")
    longest: int = pc.max(pc.binary_length(first.column(0).dictionary)).as_py() or 0
    return longest
