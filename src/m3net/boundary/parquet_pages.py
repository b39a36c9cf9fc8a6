"""The pages of a Parquet column, counted by their headers before any of them is expanded.

Arrow allocates what a page header promises before it reads the page, and a run of equal values
takes a few bytes however long it is. The footer may be wrong about a column; Arrow follows the page
headers, in the order in which they are read here.
"""

import os
from dataclasses import dataclass
from typing import Any

from m3net.boundary.regular_file import MIB, ExcessError
from m3net.boundary.thrift import FALSE, STRUCT, TRUE, Compact, TruncatedError

LONGEST_TEXT = 4096
"""Bytes of a text, such as a path."""
DELTA = (
    "written as differences (DELTA_BYTE_ARRAY or alike), not PLAIN: any length fits in few bytes"
)
"""The problem of texts whose pages Arrow expands without a limit."""
_SLACK = MIB // 16
_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
_DELTA_TEXTS = (6, 7)
_BY_DICTIONARY = (2, 8)
_HEADER_OF = {_DATA: 5, _DICTIONARY: 7, _DATA_V2: 8}
_ENCODING_FIELD = {_DATA: 2, _DICTIONARY: 2, _DATA_V2: 4}
_MOST_HEADER = 16 * MIB
"""Bytes, as in Arrow; headers hold statistics of long texts."""
_WINDOW = 512
_MOST_PAGE, _MOST_DICTIONARY = 128 * MIB, 16 * MIB
"""Bytes: DuckDB writes the largest pages, 100 MB; dictionaries have about 1 MB."""
_MOST_RATIO = 16
"""A larger page may expand to this multiple of its bytes on disk."""
_PADDING = 100
"""Arrow reads this many bytes beyond a column, for the sake of an old Java writer."""


@dataclass(frozen=True)
class PageHeader:
    """The numbers of a page header that bound its expansion."""

    kind: int
    expanded: int
    stored: int
    num_values: int
    encoding: int


@dataclass
class Column:
    """Sums over the pages of one column in one row group."""

    num_values: int = 0
    """Values, nulls and empty lists."""
    expanded: int = 0
    """Bytes of all pages, decompressed."""
    stored: int = 0
    """Bytes on disk."""
    dictionary: int = 0
    """Bytes of the dictionary, decompressed; 0 without one."""
    long_texts: bool = False
    """Whether texts may be longer than `LONGEST_TEXT` on average."""
    delta_texts: bool = False
    """Whether texts are differences from the text before: bytes do not bound their length."""


def walk(handle: int, chunk: Any, most_pages: int) -> Column:  # noqa: ANN401 - of pyarrow
    """Sum up the page headers of a column, as far as Arrow reads them.

    Args:
        handle: The open file.
        chunk: `ColumnChunkMetaData` of a column in one row group.
        most_pages: Highest number of pages.

    Raises:
        OSError: The file cannot be read.
        ExcessError: A page is too large or of an unknown kind, or the pages contradict the footer.
    """
    offset, end = span(chunk)
    end += _PADDING
    column = Column()
    for _ in range(most_pages):
        if column.num_values >= chunk.num_values:
            break
        header, length = _read_header(handle, offset, end)
        offset += length + header.stored
        if offset > end:
            raise ExcessError("a page reaches beyond its column")
        _check_page(header)
        _count(column, header)
    if column.num_values != chunk.num_values:
        problem = f"a column has {column.num_values:,} values or more in its pages"
        raise ExcessError(f"{problem}, and {chunk.num_values:,} by the footer")
    return column


def span(chunk: Any) -> tuple[int, int]:  # noqa: ANN401 - as above
    """Return the first byte of a column and the byte behind its last, as Arrow computes them.

    Args:
        chunk: As for `walk`.
    """
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < start:
        start = chunk.dictionary_page_offset
    if start < 0 or chunk.total_compressed_size < 0:
        raise ExcessError("a column starts or ends before the file does")
    return start, start + chunk.total_compressed_size


def _read_header(handle: int, offset: int, end: int) -> tuple[PageHeader, int]:
    """Return a header and its length; most are short, and read at once."""
    window = _WINDOW
    while True:
        data = os.pread(handle, min(window, end - offset), offset)
        try:
            return _parse(Compact(data))
        except TruncatedError as error:
            if len(data) < window or window >= _MOST_HEADER:
                raise ExcessError("the header of a page is cut off") from error
            window *= 8


def _parse(compact: Compact) -> tuple[PageHeader, int]:
    counts: dict[int, int] = {}
    inner: dict[int, dict[int, int]] = {}
    for number, field_kind in compact.fields():
        if number <= 3:
            counts[number] = compact.count(field_kind)
        elif number in _HEADER_OF.values() and field_kind == STRUCT:
            inner[number] = _parse_inner(compact)
        else:
            compact.skip(field_kind)
    kind = counts.get(1, -1)
    fields = inner.get(_HEADER_OF.get(kind, -1), {})
    encoding = fields.get(_ENCODING_FIELD.get(kind, -1))
    if len(counts) < 3 or 1 not in fields or encoding is None:
        raise ExcessError("a page is neither of data nor a dictionary")
    return PageHeader(kind, counts[2], counts[3], fields[1], encoding), compact.offset


def _parse_inner(compact: Compact) -> dict[int, int]:
    """Read the first four fields of each kind of header, which are counts or an encoding."""
    counts: dict[int, int] = {}
    for number, kind in compact.fields():
        # The third field of a dictionary is the boolean is_sorted.
        if number <= 4 and kind not in (TRUE, FALSE):
            counts[number] = compact.count(kind)
        else:
            compact.skip(kind)
    return counts


def _check_page(header: PageHeader) -> None:
    """Refuse a page for which Arrow would allocate memory before it finds the error."""
    most = _MOST_DICTIONARY if header.kind == _DICTIONARY else _MOST_PAGE
    if header.expanded > max(most, _MOST_RATIO * header.stored):
        problem = f"a page of {header.stored:,} bytes says that it becomes {header.expanded:,}"
        raise ExcessError(problem)
    # Every entry takes a byte or more in the file, 16 in memory.
    if header.kind == _DICTIONARY and header.num_values > max(header.expanded, header.stored):
        problem = f"a dictionary of {header.expanded:,} bytes has {header.num_values:,} entries"
        raise ExcessError(problem)


def _count(column: Column, header: PageHeader) -> None:
    """Add a page to the sums; a dictionary and the pages that use it come first."""
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
