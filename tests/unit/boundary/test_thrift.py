"""What is written in Thrift's compact protocol is read, if there is one way to read it."""

import pytest

from m3net.boundary.regular_file import ExcessError
from m3net.boundary.thrift import BINARY, I32, I64, STRUCT, Compact, TruncatedError
from tests.support.raw_parquet import i32, i64, inner, listed, struct_of, text, zigzag


@pytest.mark.parametrize("value", [0, 1, 63, 64, 127, 128, 2**31 - 1])
def test_counts_come_back(value: int) -> None:
    compact = Compact(zigzag(value))
    assert compact.count(I32) == value
    assert compact.offset == len(compact.data)


@pytest.mark.parametrize("value", [-1, -(2**31), 2**31, 2**40, 2**70])
def test_what_is_no_count_of_32_bits_is_refused(value: int) -> None:
    with pytest.raises(ExcessError):
        Compact(zigzag(value)).count(I32)


def test_all_kinds_are_passed_over() -> None:
    nested = struct_of(text(1, b"abc"), i64(2, 2**60), inner(5, struct_of(i32(1, -7))))
    written = struct_of(inner(1, nested), (2, 1, b""), (3, 2, b""), (4, 3, b"x"), (6, 7, bytes(8)))
    compact = Compact(written + b"rest")
    compact.skip(STRUCT)
    assert compact.data[compact.offset :] == b"rest"
    for length in range(len(written)):
        with pytest.raises(TruncatedError):
            Compact(written[:length]).skip(STRUCT)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (struct_of(listed(1, I32, [zigzag(1)])), "does not know"),
        (struct_of(i32(1, 1))[:-1] + b"\x05\x02\x02\0", "disorder"),
        (b"\x1c" * 100_000, "does not know"),
        (bytes([0x10 | BINARY]) + b"\xff" * 11, "31 bits"),
        (bytes([0x10 | I64]) + b"\xff" * 11, "64 bits"),
    ],
)
def test_what_headers_do_not_hold_is_refused(written: bytes, problem: str) -> None:
    with pytest.raises(ExcessError, match=problem):
        Compact(written).skip(STRUCT)
