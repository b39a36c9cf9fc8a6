"""Small files that stand for gigabytes or minutes, by name; the readers refuse them in a sentence.

Some are read instead, where what they hold is bounded: a bomb may not be stronger than it is here.
"""

import base64
import io
import json
import struct
import zlib
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.support.raw_parquet import (
    BYTE_ARRAY,
    DELTA_BYTE_ARRAY,
    GZIP,
    HUGE,
    OPTIONAL,
    RLE_DICTIONARY,
    UNCOMPRESSED,
    VECTORS,
    ZSTD,
    Chunk,
    Group,
    Page,
    Raw,
    branch,
    leaf,
    levels,
    plain_texts,
    repeated,
    run,
    table,
    varint,
    vectors,
    zigzag,
)

MILLION = 10**6
_LONG = b"x" * MILLION


def parquet_bombs() -> dict[str, bytes]:
    """Give catalogues, named "table: ...", and files of vectors, "vectors: ..."."""
    tables = {**_tables(), **_footers(), **_pages()}
    files = {f"table: {name}": raw.written() for name, raw in tables.items()}
    files |= {f"vectors: {name}": raw.written() for name, raw in _vectors().items()}
    return files | {"vectors: of fixed length": _fixed_length()}


def _tables() -> dict[str, Raw]:
    """Give tables every number of which is true."""
    wide = [f"{number}".encode() for number in range(4_000)]
    optional = Page(levels(1000 * MILLION, 0), 1000 * MILLION)
    nulls = Chunk([b"image"], BYTE_ARRAY, [optional])
    classes = b"|".join(b"%d" % number for number in range(100_000))
    numbered = [b"%d" % number for number in range(100_000)]
    return {
        "a billion rows": table(1000 * MILLION),
        "eight million cells": table(4 * MILLION),
        "a billion nulls": Raw(
            [leaf(b"image", repetition=OPTIONAL), leaf(b"sleeve")],
            [Group(1000 * MILLION, [nulls, repeated(b"sleeve", 1000 * MILLION)])],
        ),
        "a long text a million times": table(MILLION, _long(b"image", MILLION)),
        "two long texts": table(MILLION, sleeve=_long(b"sleeve", MILLION)),
        "many rows of many columns": Raw(
            [leaf(name) for name in wide],
            [Group(MILLION, [repeated(name, MILLION) for name in wide])],
        ),
        "many row groups": Raw(
            [leaf(b"image"), leaf(b"sleeve")],
            [Group(20, [repeated(b"image", 20), repeated(b"sleeve", 20)])] * 4000,
        ),
        "row groups without rows": Raw(
            [leaf(b"image"), leaf(b"sleeve")],
            [
                Group(
                    0, [Chunk([name], BYTE_ARRAY, [Page(b"", 0)]) for name in (b"image", b"sleeve")]
                )
            ]
            * 20_000,
        ),
        "many classes in all rows": table(
            100_000,
            Chunk([b"image"], BYTE_ARRAY, [Page(plain_texts(numbered), 100_000)]),
            repeated(b"sleeve", 100_000, classes),
        ),
    }


def _long(name: bytes, rows: int, value: bytes = _LONG) -> Chunk:
    """Give a column of one long text, compressed."""
    dictionary = _squeezed(plain_texts([value]), 1, ZSTD, dictionary=True)
    indices = _squeezed(b"\1" + run(rows, 0, 1), rows, ZSTD, encoding=RLE_DICTIONARY)
    return Chunk([name], BYTE_ARRAY, [dictionary, indices], ZSTD)


def _squeezed(
    content: bytes, num_values: int, codec: int, dictionary: bool = False, encoding: int = 0
) -> Page:
    name = {ZSTD: "zstd", GZIP: "gzip"}[codec]
    squeezed = pa.Codec(name).compress(content, asbytes=True)
    return Page(squeezed, num_values, encoding, dictionary, len(content))


def _footers() -> dict[str, Raw]:
    """Give tables whose footers take more than they say, or say what is not true."""
    chunk = repeated(b"image", 100_000)
    sleeve = repeated(b"sleeve", 100_000)
    first = Group(100_000, [chunk, sleeve])
    placed = [
        Chunk(own.path, own.kind, own.pages, place=place)
        for own, place in ((chunk, 4), (sleeve, 60))
    ]
    deep = [branch(b"g", 1) for _ in range(50_000)]
    lying = Chunk(chunk.path, chunk.kind, chunk.pages, num_values=MILLION**2)
    few = Chunk(chunk.path, chunk.kind, repeated(b"image", 1000 * MILLION).pages, num_values=100)
    return {
        "a hundred thousand columns": Raw([leaf(b"%d" % number) for number in range(100_000)]),
        "columns in columns": Raw([*deep, leaf(b"image")], children=1),
        "a list of a million parts": Raw([leaf(b"image")], says=999_999),
        "empty columns": Raw([leaf(b"image")], [Group(0, [])] * 100_000, says=None),
        "parts on the same bytes": Raw(
            [leaf(b"image"), leaf(b"sleeve")], [first, *[Group(100_000, placed)] * 5000]
        ),
        "more rows by the footer": Raw(
            [leaf(b"image"), leaf(b"sleeve")],
            [
                Group(
                    MILLION**2, [lying, Chunk([b"sleeve"], 6, sleeve.pages, num_values=MILLION**2)]
                )
            ],
        ),
        "less rows by the footer": Raw(
            [leaf(b"image"), leaf(b"sleeve")], [Group(100, [few, repeated(b"sleeve", 100)])]
        ),
    }


def _pages() -> dict[str, Raw]:
    """Give tables whose pages are larger than they look."""
    gigabyte = bytes(256 * 2**20)
    one = plain_texts([b"x"])

    def of(page: Page, codec: int = UNCOMPRESSED) -> Raw:
        return table(page.num_values, Chunk([b"image"], BYTE_ARRAY, [page], codec))

    def after(dictionary: Page, codec: int = UNCOMPRESSED) -> Raw:
        data = Page(b"\1" + run(100, 0, 1), 100, RLE_DICTIONARY)
        return table(100, Chunk([b"image"], BYTE_ARRAY, [dictionary, data], codec))

    # In blocks of 2^31 numbers, two of which are described by five bytes.
    constant = varint(2**31) + varint(4) + varint(HUGE) + zigzag(0) + zigzag(0) + bytes(4)
    prefixes = varint(2**31) + varint(4) + varint(1000) + zigzag(0) + zigzag(MILLION) + bytes(4)
    return {
        "a page of zeros (gzip)": of(_squeezed(gigabyte, MILLION, GZIP), GZIP),
        "a page of zeros (zstd)": of(_squeezed(gigabyte, MILLION, ZSTD), ZSTD),
        "a page that says so": of(Page(zlib.compress(one), 1, expanded=HUGE), GZIP),
        "many values in a page": of(Page(one, HUGE)),
        "a dictionary that says so": after(Page(one, 1, dictionary=True, expanded=HUGE), GZIP),
        "many values in a dictionary": after(Page(one, HUGE, dictionary=True)),
        "a dictionary of zeros": after(
            _squeezed(gigabyte, len(gigabyte) // 4, ZSTD, dictionary=True), ZSTD
        ),
        "two dictionaries": table(
            100, Chunk([b"image"], BYTE_ARRAY, [repeated(b"", 1).pages[0]] * 2 + [Page(one, 100)])
        ),
        "lengths as differences": of(Page(constant, 1, DELTA_BYTE_ARRAY)),
        "texts as differences": of(Page(prefixes + constant + _LONG, 1000, DELTA_BYTE_ARRAY)),
    }


def _vectors() -> dict[str, Raw]:
    """Give files of vectors."""
    names = [b"a.jpg", _LONG]
    # The first row does not show that the dictionary has a long text.
    dictionary = _squeezed(plain_texts(names), 2, ZSTD, dictionary=True)
    rows = MILLION
    indices = _squeezed(
        b"\1" + run(1, 0, 1) + run(rows - 1, 1, 1), rows, ZSTD, encoding=RLE_DICTIONARY
    )
    hidden = Chunk([b"image"], BYTE_ARRAY, [dictionary, indices], ZSTD)
    small = vectors(1000, 2**24)
    return {
        "a billion numbers in a row": vectors(1, 1000 * MILLION),
        "a long row among short ones": vectors(2000, 1000 * MILLION),
        "a long row that is read": vectors(1000, 2**24 - 1000),
        "a billion rows": vectors(1000 * MILLION, 1000 * MILLION + 1),
        "a million rows": vectors(MILLION, MILLION + 1),
        "long names": vectors(rows, rows + 1, _long(b"image", rows)),
        "long names behind a short one": vectors(rows, rows + 1, hidden),
        "many row groups of many numbers": Raw(VECTORS, [*small.groups] * 3000, children=3),
        "wide page of one name": vectors(
            1,
            2,
            Chunk(
                [b"image"],
                BYTE_ARRAY,
                [_squeezed(plain_texts([bytes(100 * MILLION)]), 1, ZSTD)],
                ZSTD,
            ),
        ),
    }


def _fixed_length() -> bytes:
    """Give vectors that Arrow is told to make a billion numbers long, one of which is empty."""
    fields = [("image", pa.string()), ("attribute", pa.string())]
    schema = pa.schema([*fields, ("vector", pa.list_(pa.float32(), 1000 * MILLION))])
    told = {b"ARROW:schema": base64.b64encode(schema.serialize().to_pybytes())}
    columns = {"image": ["a.jpg"], "attribute": ["collar"]}
    columns["vector"] = pa.array([None], pa.list_(pa.float32()))
    buffer = io.BytesIO()
    content = pa.table(columns).replace_schema_metadata(told)
    pq.write_table(content, buffer, store_schema=False)
    return buffer.getvalue()


def csv_bombs() -> dict[str, bytes]:
    """Give catalogues of text."""
    columns = ",".join(f"c{number}" for number in range(100_000))
    rows = "\n".join(f"{number},a" for number in range(100_000))
    wide = ",".join(["x"] * 100_000)
    return {
        "a hundred thousand columns": f"image,{columns}\n".encode() + b"," * 100_000 + b"\n",
        "one long path": f"image,sleeve\n{'p' * 60_000},b\n{rows}\n".encode(),
        "one long product": f"image,sleeve,item\n{rows.replace(',a', ',a,i')}\n"
        f"z,b,{'p' * 60_000}\n".encode(),
        "a long row": f"image,sleeve\n{wide}\n".encode(),
        "a field that never ends": b'image,sleeve\n"' + b"x," * 500_000,
        "empty lines": b"image,sleeve\na,b\n" + b"\n" * MILLION,
        "short lines": b"image\n" + b"a\n" * 500_000,
    }


def journal_bombs() -> dict[str, bytes]:
    """Give journals of the subject "photos", one line of which is none of ours."""
    lines = {
        "nested": b"[" * 100_000 + b"]" * 100_000,
        "deeper key": b'[["a"], 1]',
        "mapping": b'{"a": 1}',
        "number for a key": b"[1, 2]",
        "null": b"null",
        "nothing": b"[]",
        "no number": b'["a", NaN]',
        "infinity": b'["a", Infinity]',
        "fraction": b'["a", 1.5]',
        "truth": b'["a", true]',
        "huge number": b'["a", ' + b"9" * 100_000 + b"]",
        "large number": b'["a", ' + b"9" * 4_000 + b"]",
        "text for a number": b'["a", "b"]',
        "list for a number": b'["a", [1]]',
        "no JSON": b"\xff\0",
    }
    return {name: b'{"journal": "photos"}\n' + line + b"\n" for name, line in lines.items()}


def safetensors_bombs() -> dict[str, bytes]:
    """Give files of the attribute "collar"."""
    deep = "[" * 100_000 + "]" * 100_000
    names = json.dumps(["a.jpg"])
    return {
        "nested names": _tensors([1, 1], 4, deep),
        "names that are none": _tensors([1, 1], 4, "[[1]]"),
        "a mapping of names": _tensors([1, 1], 4, '{"a.jpg": 1}'),
        "no vectors of a trillion": _tensors([0, 10**12], 0, "[]"),
        "a trillion of no vectors": _tensors([10**12, 0], 0, names),
        "one vector of many": _tensors([1, 200_000], 800_000, names),
        "more than there is": _tensors([10**6, 10**6], 4, names),
        "a size that overflows": _tensors([2**62, 16], 0, names),
        "header that says so": struct.pack("<Q", 2**62) + b"{}",
        "nested header": _with_length(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        "many tensors": _many_tensors(20_000, names),
        "many tensors of many names": _many_tensors(2_000, json.dumps(["a"] * 100_000), 0),
    }


def _with_length(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


def _tensors(shape: Sequence[int], size: int, images: str) -> bytes:
    tensor = {"dtype": "F32", "shape": [*shape], "data_offsets": [0, size]}
    header = {"__metadata__": {"images": images}, "collar": tensor}
    return _with_length(json.dumps(header).encode(), bytes(size))


def _many_tensors(number: int, images: str, rows: int = 1) -> bytes:
    header: dict[str, object] = {"__metadata__": {"images": images}}
    for place in range(number):
        offsets = [4 * rows * place, 4 * rows * (place + 1)]
        header[f"t{place}"] = {"dtype": "F32", "shape": [rows, 1], "data_offsets": offsets}
    return _with_length(json.dumps(header).encode(), bytes(4 * rows * number))


def jpeg_bombs(side: int = 8000, scans: int = 2000) -> dict[str, bytes]:
    """Give JPEGs that are decoded once for each of many scans, and one whose end seems to come."""
    buffer = io.BytesIO()
    Image.new("L", (side, side), 128).save(buffer, "JPEG", progressive=True)
    whole = buffer.getvalue()
    scan = whole[whole.rindex(b"\xff\xda") : -2]
    # A comment may hold what marks the end.
    comment = b"\xff\xfe\0\x04\xff\xd9"
    return {
        "many scans": whole[:-2] + scan * scans + b"\xff\xd9",
        "scans behind an end": whole[:-2] + (comment + scan) * scans + b"\xff\xd9",
    }
