"""The pages of a Parquet column, counted by their headers before any of them is expanded.

Arrow takes as much memory as a page header says before it looks at the page, and a run of equal
values in a page takes a few bytes however long it is. What a footer says of a column may be wrong:
what its headers say, in the order in which Arrow meets them, is what Arrow will do.
"""

import os
from dataclasses import dataclass
from typing import Any

from m3net.boundary.regular_file import MIB, ExcessError
from m3net.boundary.thrift import FALSE, STRUCT, TRUE, Compact, TruncatedError

LONGEST_TEXT = 4096
"""Bytes, as of a path."""
DELTA = (
    "written as differences (DELTA_BYTE_ARRAY or alike), not PLAIN: any length fits in few bytes"
)
"""What is wrong with texts whose pages Arrow expands without a bound."""
_SLACK = MIB // 16
_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
_DELTA_TEXTS = (6, 7)
_BY_DICTIONARY = (2, 8)
_HEADER_OF = {_DATA: 5, _DICTIONARY: 7, _DATA_V2: 8}
_ENCODING_FIELD = {_DATA: 2, _DICTIONARY: 2, _DATA_V2: 4}
_MOST_HEADER = 16 * MIB
"""Bytes, as in Arrow; statistics of long texts stand in headers."""
_WINDOW = 512
_MOST_PAGE, _MOST_DICTIONARY = 128 * MIB, 16 * MIB
"""Bytes: of usual writers DuckDB makes the largest pages, 100 MB; dictionaries have about 1 MB."""
_MOST_RATIO = 16
"""A larger page may have so many times its bytes on the disk."""
_PADDING = 100
"""Arrow reads so many bytes beyond a column that an old Java library wrote."""


@dataclass(frozen=True)
class PageHeader:
    """What bounds the work that a page makes."""

    kind: int
    expanded: int
    stored: int
    num_values: int
    encoding: int


@dataclass
class Column:
    """All pages of one column in one row group.

    Attributes:
        num_values: Values, nulls and empty lists.
        expanded: Bytes of all pages once they are decompressed.
        dictionary: Bytes of its dictionary once it is decompressed; 0 without one.
        stored: Bytes on the disk.
        long_texts: Whether texts in it may be longer than `LONGEST_TEXT` on an average.
        delta_texts: Whether texts are written as changes of the one before, so that neither their
            number nor their length is bounded by their bytes.
    """

    num_values: int = 0
    expanded: int = 0
    stored: int = 0
    dictionary: int = 0
    long_texts: bool = False
    delta_texts: bool = False


def walk(handle: int, chunk: Any, most_pages: int) -> Column:  # noqa: ANN401 - of pyarrow
    """Go from header to header as far as Arrow will.

    Args:
        handle: The open file.
        chunk: `ColumnChunkMetaData` of a column in one row group.
        most_pages: How many it may have.

    Raises:
        OSError: The file cannot be read.
        ExcessError: A page is too large or none, or they are more or others than the footer says.
    """
    place, end = span(chunk)
    end += _PADDING
    column = Column()
    for _ in range(most_pages):
        if column.num_values >= chunk.num_values:
            break
        header, length = _read_header(handle, place, end)
        place += length + header.stored
        if place > end:
            raise ExcessError("a page reaches beyond its column")
        _check_page(header)
        _count(column, header)
    if column.num_values != chunk.num_values:
        problem = f"a column has {column.num_values:,} values or more in its pages"
        raise ExcessError(f"{problem}, and {chunk.num_values:,} by the footer")
    return column


def span(chunk: Any) -> tuple[int, int]:  # noqa: ANN401 - as above
    """Return the first byte of a column and the one behind it, as Arrow finds them.

    Args:
        chunk: As for `walk`.
    """
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < start:
        start = chunk.dictionary_page_offset
    if start < 0 or chunk.total_compressed_size < 0:
        raise ExcessError("a column starts or ends before the file does")
    return start, start + chunk.total_compressed_size


def _read_header(handle: int, place: int, end: int) -> tuple[PageHeader, int]:
    """Return a header and its length; most are short, and read at once."""
    window = _WINDOW
    while True:
        data = os.pread(handle, min(window, end - place), place)
        try:
            return _parse(Compact(data))
        except TruncatedError as error:
            if len(data) < window or window >= _MOST_HEADER:
                raise ExcessError("the header of a page is cut off") from error
            window *= 8


def _parse(compact: Compact) -> tuple[PageHeader, int]:
    counts: dict[int, int] = {}
    inner: dict[int, dict[int, int]] = {}
    for number, kind in compact.fields():
        if number <= 3:
            counts[number] = compact.count(kind)
        elif number in _HEADER_OF.values() and kind == STRUCT:
            inner[number] = _parse_inner(compact)
        else:
            compact.skip(kind)
    own = inner.get(_HEADER_OF.get(counts.get(1, -1), -1), {})
    encoding = own.get(_ENCODING_FIELD.get(counts.get(1, -1), -1))
    if len(counts) < 3 or 1 not in own or encoding is None:
        raise ExcessError("a page is neither of data nor a dictionary")
    return PageHeader(counts[1], counts[2], counts[3], own[1], encoding), compact.place


def _parse_inner(compact: Compact) -> dict[int, int]:
    """Read the first four fields of each kind of header, which are counts or an encoding."""
    counts: dict[int, int] = {}
    for number, kind in compact.fields():
        # The third of a dictionary says whether it is sorted.
        if number <= 4 and kind not in (TRUE, FALSE):
            counts[number] = compact.count(kind)
        else:
            compact.skip(kind)
    return counts


def _check_page(header: PageHeader) -> None:
    """Refuse what Arrow would take memory for before it finds out that it is wrong."""
    most = _MOST_DICTIONARY if header.kind == _DICTIONARY else _MOST_PAGE
    if header.expanded > max(most, _MOST_RATIO * header.stored):
        problem = f"a page of {header.stored:,} bytes says that it becomes {header.expanded:,}"
        raise ExcessError(problem)
    # Every entry takes a byte or more, 16 in memory.
    if header.kind == _DICTIONARY and header.num_values > max(header.expanded, header.stored):
        problem = f"a dictionary of {header.expanded:,} bytes has {header.num_values:,} entries"
        raise ExcessError(problem)


def _count(column: Column, header: PageHeader) -> None:
    """Take in a page; dictionaries come first, and so do the pages that use them."""
    by_dictionary = header.encoding in _BY_DICTIONARY
    if header.kind == _DICTIONARY:
        if column.expanded or column.dictionary:
            raise ExcessError("a dictionary stands behind other pages of its column")
        column.dictionary = header.expanded
    else:
        if not header.num_values:
            raise ExcessError("a page has no values")
        if column.dictionary and not column.num_values and not by_dictionary:
            raise ExcessError("the first page of a column with a dictionary does not use it")
        column.num_values += header.num_values
        longest = _SLACK + header.num_values * (LONGEST_TEXT + 8)
        column.long_texts |= header.expanded > longest
        column.delta_texts |= header.encoding in _DELTA_TEXTS
    column.expanded += header.expanded
    column.stored += header.stored
