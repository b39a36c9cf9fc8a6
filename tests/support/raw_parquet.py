"""Parquet written by hand, so that any number in it may be wrong; see parquet.thrift."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

I32, I64, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12
INT32, FLOAT, BYTE_ARRAY = 1, 4, 6
PLAIN, RLE, DELTA_BYTE_ARRAY, RLE_DICTIONARY = 0, 3, 7, 8
UNCOMPRESSED, GZIP, ZSTD = 0, 2, 6
REQUIRED, OPTIONAL, REPEATED = 0, 1, 2
HUGE = 2**31 - 1

Field = tuple[int, int, bytes]


def varint(number: int) -> bytes:
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def zigzag(number: int) -> bytes:
    return varint(2 * number if number >= 0 else -2 * number - 1)


def i32(number: int, value: int) -> Field:
    return number, I32, zigzag(value)


def i64(number: int, value: int) -> Field:
    return number, I64, zigzag(value)


def text(number: int, value: bytes) -> Field:
    return number, BINARY, varint(len(value)) + value


def listed(number: int, kind: int, items: Sequence[bytes], says: int | None = None) -> Field:
    length = len(items) if says is None else says
    head = bytes([length << 4 | kind]) if length < 15 else bytes([0xF0 | kind]) + varint(length)
    return number, LIST, head + b"".join(items)


def inner(number: int, value: bytes) -> Field:
    return number, STRUCT, value


def struct_of(*fields: Field) -> bytes:
    """Write fields whose numbers rise by 15 at most."""
    written, last = b"", 0
    for number, kind, value in fields:
        written += bytes([(number - last) << 4 | kind]) + value
        last = number
    return written + b"\0"


def run(count: int, value: int, width: int) -> bytes:
    """Give a run of one value as RLE writes it: a few bytes, however long it is."""
    return varint(count << 1) + value.to_bytes((width + 7) // 8, "little")


def levels(count: int, value: int, first: int | None = None) -> bytes:
    """Give levels of one bit, the first of which may differ."""
    runs = run(count, value, 1) if first is None else run(1, first, 1) + run(count - 1, value, 1)
    return struct.pack("<I", len(runs)) + runs


def plain_texts(texts: Sequence[bytes]) -> bytes:
    return b"".join(struct.pack("<I", len(one)) + one for one in texts)


@dataclass
class Page:
    """A page; what is None is written as it is."""

    content: bytes
    num_values: int
    encoding: int = PLAIN
    dictionary: bool = False
    expanded: int | None = None

    def written(self) -> bytes:
        head = struct_of(
            i32(1, self.num_values),
            i32(2, self.encoding),
            *(() if self.dictionary else (i32(3, RLE), i32(4, RLE))),
        )
        expanded = len(self.content) if self.expanded is None else self.expanded
        sizes = (i32(1, 2 if self.dictionary else 0), i32(2, expanded), i32(3, len(self.content)))
        return struct_of(*sizes, inner(7 if self.dictionary else 5, head)) + self.content


@dataclass
class Chunk:
    """A column in a row group; numbers that are None are right."""

    path: Sequence[bytes]
    kind: int
    pages: Sequence[Page]
    codec: int = UNCOMPRESSED
    num_values: int | None = None
    place: int | None = None

    def count(self) -> int:
        if self.num_values is not None:
            return self.num_values
        return sum(page.num_values for page in self.pages if not page.dictionary)


@dataclass
class Group:
    """A row group."""

    num_rows: int
    chunks: Sequence[Chunk]


@dataclass
class Raw:
    """A file; `schema` holds the elements behind the root."""

    schema: Sequence[bytes]
    groups: Sequence[Group] = field(default_factory=list)
    children: int | None = None
    says: int | None = None

    def written(self) -> bytes:
        data = bytearray(b"PAR1")
        groups = [self._group(group, data) for group in self.groups]
        children = len(self.schema) if self.children is None else self.children
        root = struct_of(text(4, b"root"), i32(5, children))
        footer = struct_of(
            i32(1, 1),
            listed(2, STRUCT, [root, *self.schema]),
            i64(3, sum(group.num_rows for group in self.groups)),
            listed(4, STRUCT, groups, self.says),
        )
        return bytes(data) + footer + struct.pack("<I", len(footer)) + b"PAR1"

    def _group(self, group: Group, data: bytearray) -> bytes:
        chunks = []
        for chunk in group.chunks:
            pages = [page.written() for page in chunk.pages]
            start = len(data) if chunk.place is None else chunk.place
            if chunk.place is None:
                data += b"".join(pages)
            with_dictionary = chunk.pages[0].dictionary
            first = start + len(pages[0]) if with_dictionary else start
            size = sum(map(len, pages))
            meta = struct_of(
                i32(1, chunk.kind),
                listed(2, I32, [zigzag(RLE_DICTIONARY)]),
                listed(3, BINARY, [varint(len(part)) + part for part in chunk.path]),
                i32(4, chunk.codec),
                i64(5, chunk.count()),
                i64(6, size),
                i64(7, size),
                i64(9, first),
                *([i64(11, start)] if with_dictionary else []),
            )
            chunks.append(struct_of(i64(2, start), inner(3, meta)))
        return struct_of(listed(1, STRUCT, chunks), i64(2, len(data)), i64(3, group.num_rows))


def leaf(name: bytes, kind: int = BYTE_ARRAY, repetition: int = REQUIRED) -> bytes:
    """Describe a column of texts or numbers."""
    fields = [i32(1, kind), i32(3, repetition), text(4, name)]
    return struct_of(*fields, *([i32(6, 0)] if kind == BYTE_ARRAY else []))


def branch(
    name: bytes, children: int, repetition: int = REQUIRED, kind: int | None = None
) -> bytes:
    """Describe a group of columns; kind 3 is a list."""
    fields = [i32(3, repetition), text(4, name), i32(5, children)]
    return struct_of(*fields, *([] if kind is None else [i32(6, kind)]))


def repeated(name: bytes, rows: int, value: bytes = b"x") -> Chunk:
    """Give a column of texts all of which are the same."""
    pages = [
        Page(plain_texts([value]), 1, dictionary=True),
        Page(b"\1" + run(rows, 0, 1), rows, RLE_DICTIONARY),
    ]
    return Chunk([name], BYTE_ARRAY, pages)


def zeros(rows: int, numbers: int) -> Chunk:
    """Give a column of vectors of zeros: the first row has all numbers but one of each other."""
    lists = (run(1, 0, 1) + run(numbers - rows, 1, 1) + run(rows - 1, 0, 1)) if rows > 1 else b""
    repetition = levels(numbers, 1, 0) if rows == 1 else struct.pack("<I", len(lists)) + lists
    page = repetition + levels(numbers, 1) + b"\1" + run(numbers, 0, 1)
    pages = [Page(bytes(4), 1, dictionary=True), Page(page, numbers, RLE_DICTIONARY)]
    return Chunk([b"vector", b"list", b"element"], FLOAT, pages)


VECTORS = (
    leaf(b"image"),
    leaf(b"attribute"),
    branch(b"vector", 1, kind=3),
    branch(b"list", 1, REPEATED),
    leaf(b"element", FLOAT),
)


def vectors(rows: int, numbers: int, image: Chunk | None = None) -> Raw:
    """Give a file of vectors; see `zeros`."""
    image = repeated(b"image", rows, b"a.jpg") if image is None else image
    chunks = [image, repeated(b"attribute", rows, b"collar"), zeros(rows, numbers)]
    return Raw(VECTORS, [Group(rows, chunks)], children=3)


def table(rows: int, image: Chunk | None = None, sleeve: Chunk | None = None) -> Raw:
    """Give a catalogue of two columns."""
    chunks = [image or repeated(b"image", rows), sleeve or repeated(b"sleeve", rows)]
    return Raw([leaf(b"image"), leaf(b"sleeve")], [Group(rows, chunks)])
