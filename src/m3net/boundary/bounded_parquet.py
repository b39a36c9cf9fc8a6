"""Parquet files whose footer and page headers are checked before Arrow expands them.

A few hundred bytes may stand for any number of gigabytes: by false sizes in the footer or a page
header, by runs of one value, by columns that share bytes. Arrow checks these too late or never.
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow.parquet as pq

from m3net.boundary.parquet_pages import Column, span, walk
from m3net.boundary.regular_file import MIB, ExcessError, check_regular
from m3net.boundary.thrift import STRUCT, Compact, TruncatedError

MOST_COLUMNS = 4096
"""Each column costs pandas and Arrow some microseconds per row group."""
REMEDY = (
    "It may be made to fill the memory; if not, write it again with compression=None and "
    "use_dictionary=False"
)
_MAGIC = b"PAR1"
_MOST_FOOTER = 3 * MIB
_MOST_ELEMENTS, _MOST_DEPTH = 4 * MOST_COLUMNS, 32
"""Arrow's time grows with the square of a schema's depth, its memory by 1 kB per column."""
_NUM_CHILDREN, _SCHEMA = 5, 2


class BoundedParquet:
    """An open file; Arrow has read its footer only.

    Attributes:
        content: The file; only columns that `column` has checked may be read.
        size: Bytes of the file.
    """

    def __init__(self, file: Path, buffer_size: int = 0) -> None:
        """Open the file.

        Args:
            file: The file.
            buffer_size: Bytes of a column that are read at once; 0 reads whole columns.

        Raises:
            OSError: It cannot be read, or is not Parquet.
            pa.ArrowException: It is not Parquet.
            ExcessError: It is not a regular file, or its footer is too large.
        """
        self._file, self.size = file, check_regular(file)
        with ExitStack() as opening:
            self._handle = os.open(file, os.O_RDONLY)
            opening.callback(os.close, self._handle)
            footer = _check_footer(self._handle, self.size)
            self._options = {
                # By default Arrow would fetch all row groups at once, however large the file is.
                "pre_buffer": False,
                "buffer_size": buffer_size,
                # A list that says it has a million entries would get 700 MB at once.
                "thrift_container_size_limit": max(footer // 32, _MOST_ELEMENTS),
            }
            self.content = pq.ParquetFile(file, **self._options)
            self._open = opening.pop_all()
        self._open.callback(self.content.close)
        # Honest writers fill pages with kilobytes; small files may have some of a few bytes.
        self._most_pages = 100_000 + self.size // 4096

    @cached_property
    def by_dictionary(self) -> pq.ParquetFile:
        """The same file; columns of text are read as a dictionary and numbers."""
        columns = map(self.content.schema.column, range(self.content.metadata.num_columns))
        texts = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
        own = {"metadata": self.content.metadata, "read_dictionary": texts}
        content = pq.ParquetFile(self._file, **own, **self._options)
        self._open.callback(content.close)
        return content

    def check_columns(self, leaves: Sequence[int]) -> None:
        """Refuse columns that share bytes, or rows without values.

        Args:
            leaves: Indices of the leaf columns that will be read.

        Raises:
            ExcessError: Columns share bytes, reach beyond the file, or have fewer values than rows.
        """
        spans = []
        for group in range(self.content.num_row_groups):
            meta = self.content.metadata.row_group(group)
            if meta.num_columns != self.content.metadata.num_columns or meta.num_rows < 0:
                raise ExcessError(f"row group {group} has other columns than the file")
            for leaf in leaves:
                if meta.column(leaf).num_values < meta.num_rows:
                    raise ExcessError(f"row group {group} has more rows than values")
                spans.append(span(meta.column(leaf)))
        spans.sort()
        if any(end > start for (_, end), (start, _) in pairwise(spans)):
            raise ExcessError("two of its columns lie on the same bytes")
        if spans and spans[-1][1] > self.size:
            raise ExcessError("a column reaches beyond the end of the file")

    def check_count(self, what: str, number: int, floor: int) -> None:
        """Check a number of values against the size of the file; see `most_values`.

        Raises:
            ExcessError: It is larger than such a file should hold.
        """
        if number > (most := most_values(self.size, floor)):
            raise ExcessError(
                f"its {self.size:,} bytes stand for {number:,} {what}, more than {most:,}"
            )

    def column(self, group: int, leaf: int) -> Column:
        """Check the pages of a column in a row group, and sum them up.

        Args:
            group: Index of the row group.
            leaf: Index of the leaf column.

        Raises:
            OSError: The file cannot be read.
            ExcessError: Pages are too large, or contradict the footer.
        """
        meta = self.content.metadata.row_group(group)
        column = walk(self._handle, meta.column(leaf), self._most_pages)
        flat = not self.content.schema.column(leaf).max_repetition_level
        if flat and column.num_values != meta.num_rows:
            raise ExcessError(f"row group {group} has other numbers of rows and values")
        return column

    def __enter__(self) -> Self:
        """Return the file."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self._open.close()


def most_values(size: int, floor: int) -> int:
    """Return the highest number of values of a file.

    A distinct value takes some bits, even a boolean; repeated values take none, so a small file may
    hold some millions.

    Args:
        size: Bytes of the file.
        floor: The limit of a small file.
    """
    return max(floor, 16 * size)


def _check_footer(handle: int, size: int) -> int:
    """Return the size of the footer; 0 without a footer, which Arrow reports."""
    tail = os.pread(handle, 8, max(size - 8, 0))
    length = int.from_bytes(tail[:4], "little")
    if size < 12 or tail[4:] != _MAGIC or length > size - 12:
        return 0
    # Arrow takes 230 times as much for a footer of nothing but empty columns.
    if length > max(_MOST_FOOTER, size // 8):
        raise ExcessError(f"its footer has {length:,} of its {size:,} bytes")
    try:
        _check_schema(Compact(os.pread(handle, length, size - 8 - length)))
    except TruncatedError as error:
        raise ExcessError("its footer is cut off") from error
    return length


def _check_schema(compact: Compact) -> None:
    """Check number and depth of the columns in the footer."""
    for number, kind in compact.fields():
        if number < _SCHEMA:
            compact.skip(kind)
            continue
        length = compact.list_length(kind, STRUCT) if number == _SCHEMA else 0
        if not 0 < length <= _MOST_ELEMENTS:
            raise ExcessError(f"it has {length:,} columns; up to {MOST_COLUMNS:,} are read")
        waiting = [1]
        for _ in range(length):
            # The last child of a group is followed by the next child of the group above.
            while waiting and not waiting[-1]:
                waiting.pop()
            if not waiting:
                break
            waiting[-1] -= 1
            waiting.append(_num_children(compact))
            if len(waiting) > _MOST_DEPTH:
                raise ExcessError(f"its columns are nested more than {_MOST_DEPTH} levels deep")
        # Arrow parses the rest.
        return


def _num_children(compact: Compact) -> int:
    children = 0
    for number, kind in compact.fields():
        if number == _NUM_CHILDREN:
            children = compact.count(kind)
        else:
            compact.skip(kind)
    return children
