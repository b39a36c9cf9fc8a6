"""Strict reader of Thrift's compact protocol, as far as the headers of Parquet need it.

Arrow accepts repeated fields, any order and unexpected types. A check must see what Arrow will see,
so this reader refuses all three.
"""

from collections.abc import Iterator

from m3net.boundary.regular_file import ExcessError

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 12
_MOST_DEPTH = 8
"""Nested structs; the headers of Parquet have four levels."""


class TruncatedError(Exception):
    """The bytes end before the value does."""


class Compact:
    """A position in bytes that advances as values are read."""

    def __init__(self, data: bytes) -> None:
        """Start at the first byte."""
        self.data, self.offset = data, 0

    def byte(self) -> int:
        """Read one byte."""
        if self.offset >= len(self.data):
            raise TruncatedError
        self.offset += 1
        return self.data[self.offset - 1]

    def varint(self, bits: int = 64) -> int:
        """Read an unsigned integer.

        Raises:
            ExcessError: It has more than `bits` bits; Arrow would cut them off.
        """
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift >= bits:
                break
        if byte >= 0x80 or value >> bits:
            raise ExcessError(f"a number in it has more than {bits} bits")
        return value

    def count(self, kind: int) -> int:
        """Read a count of 32 bits.

        Raises:
            ExcessError: The field is of another kind, or negative.
        """
        if kind != I32:
            raise ExcessError("a field in it is of the wrong kind")
        value = self.varint(32)
        # Zigzag encoding: odd numbers are negative.
        if value & 1:
            raise ExcessError("a count in it is below 0")
        return value >> 1

    def fields(self) -> Iterator[tuple[int, int]]:
        """Yield number and kind of each field of a struct; the caller reads or skips its value.

        Raises:
            ExcessError: Field numbers do not rise.
        """
        number = 0
        while head := self.byte():
            step, kind = head >> 4, head & 0x0F
            if step:
                number += step
            else:
                zigzag = self.varint(16)
                if zigzag & 1 or zigzag >> 1 <= number:
                    raise ExcessError("the fields of a struct in it are in disorder")
                number = zigzag >> 1
            yield number, kind

    def list_length(self, kind: int, items: int) -> int:
        """Read the head of a list, and return its length.

        Raises:
            ExcessError: The field is not a list of `items`.
        """
        head = self.byte()
        if kind != LIST or head & 0x0F != items:
            raise ExcessError("a field in it is of the wrong kind")
        return self.varint(31) if head >> 4 == 15 else head >> 4

    def skip(self, kind: int, depth: int = 0) -> None:
        """Skip a value; no field of a header that is skipped is a collection.

        Raises:
            ExcessError: The value is a collection, of an unknown kind, or nested too deeply.
        """
        if kind == STRUCT and depth < _MOST_DEPTH:
            for _, inner in self.fields():
                self.skip(inner, depth + 1)
        elif kind in (I16, I32, I64):
            self.varint()
        elif kind == BINARY:
            self._advance(self.varint(31))
        elif kind in (BYTE, DOUBLE):
            self._advance(1 if kind == BYTE else 8)
        elif kind not in (TRUE, FALSE):
            raise ExcessError("a header in it holds a field that Parquet does not know")

    def _advance(self, length: int) -> None:
        self.offset += length
        if self.offset > len(self.data):
            raise TruncatedError
