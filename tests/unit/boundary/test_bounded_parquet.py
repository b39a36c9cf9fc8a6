"""No file takes more than its size allows, and honest ones are read as Arrow reads them."""

import io
import itertools
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from m3net.boundary.bounded_parquet import BoundedParquet
from m3net.boundary.regular_file import ExcessError
from m3net.data.annotations.annotation_file import AnnotationFile
from m3net.data.annotations.catalogue import CatalogueColumns, read_catalogue
from m3net.data.annotations.catalogue_table import read_table
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.text_rows import TextRows
from m3net.data.embeddings.embedding_files import read_embeddings
from m3net.errors import AnnotationError, EmbeddingError
from tests.support.bombs import parquet_bombs
from tests.support.measured import costs
from tests.support.raw_parquet import BYTE_ARRAY, Chunk, Page, plain_texts, repeated, table

MOST_MIB, MOST_SECONDS = 700, 20
READ = {"table: row groups without rows", "vectors: of fixed length"}
TEXTS = ["long", None, "short", "", " a b ", "Ærmer", "x" * 3000]


def read_rows(file: Path) -> TextRows:
    return read_table(AnnotationFile(file, Findings()))


@pytest.mark.promise("vectors-bounds", "catalogue-bounds")
@pytest.mark.parametrize("kind", ["table", "vectors"])
def test_bombs_are_refused_before_they_go_off(kind: str, tmp_path: Path) -> None:
    files = {}
    for number, (name, content) in enumerate(parquet_bombs().items()):
        if name.startswith(kind):
            files[name] = tmp_path / f"{number}.parquet"
            files[name].write_bytes(content)
            assert len(content) < 2_500_000, name
    error = {"table": "AnnotationError", "vectors": "EmbeddingError"}[kind]
    for name, cost in costs({"table": "catalogue", "vectors": "vectors"}[kind], files).items():
        assert cost.problem.startswith(f"{error}: {files[name]}"), (name, cost)
        assert "\n" not in cost.problem
        assert cost.mib < MOST_MIB, (name, cost)
        assert cost.seconds < MOST_SECONDS, (name, cost)


WAYS = [
    {"compression": compression, "data_page_version": version, "use_dictionary": dictionary}
    for compression, version, dictionary in itertools.product(
        ("none", "snappy", "gzip", "brotli", "zstd", "lz4"), ("1.0", "2.0"), (True, False)
    )
]


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("small", [True, False])
def test_cells_are_those_that_arrow_reads(
    way: dict[str, object], small: bool, tmp_path: Path
) -> None:
    rows = 5000
    draw = np.random.default_rng(0)
    columns = {
        "image": [f"{number}/{draw.integers(10**9)}.jpg" for number in range(rows)],
        "a": [TEXTS[place] for place in draw.integers(len(TEXTS), size=rows)],
        "a.b": pa.array(["x"] * rows).dictionary_encode(),
        "many": pa.array([f"{number % 3000}" * 50 for number in range(rows)], pa.large_string()),
        "number": pa.array([None if number % 7 else number for number in range(rows)]),
        "share": draw.random(rows),
        "truth": [None, True] * (rows // 2),
        "date": pa.array(np.arange(rows, dtype=np.int32), pa.date32()),
        "none": pa.nulls(rows),
        "bytes": [b"a", b"\xc3\xa6"] * (rows // 2),
    }
    pages = {"data_page_size": 300, "row_group_size": 900, "dictionary_pagesize_limit": 2000}
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table(columns), file, **way, **(pages if small else {}))
    found = read_rows(file).table
    expected = pq.read_table(file)
    assert [*found] == expected.column_names == [*columns]
    assert [*found.index] == [*range(2, rows + 2)]
    for name in columns:
        cells = expected[name].cast(pa.string()).to_pylist()
        assert found[name].tolist() == [(cell or "").strip() for cell in cells]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_pages_are_counted_as_their_writer_did(way: dict[str, object], tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    lists = [[0.5] * (number % 4) or None for number in range(4000)]
    columns = {"image": [f"{number}" for number in range(4000)], "vector": lists}
    pq.write_table(pa.table(columns), file, data_page_size=200, row_group_size=1500, **way)
    with BoundedParquet(file) as opened:
        metadata = opened.content.metadata
        opened.check_columns([0, 1])
        for group, leaf in itertools.product(range(3), range(2)):
            column = opened.column(group, leaf)
            chunk = metadata.row_group(group).column(leaf)
            assert column.num_values == chunk.num_values
            # The footer counts the headers of the pages as well.
            assert 0 < column.stored < chunk.total_compressed_size
            assert 0 < column.expanded < chunk.total_uncompressed_size
            assert bool(column.dictionary) == chunk.has_dictionary_page


def test_equal_texts_share_memory(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pd.DataFrame({"image": ["a", "b"] * 50, "sleeve": "long and wide"}).to_parquet(file)
    assert len(set(map(id, read_rows(file)["sleeve"]))) == 1


def test_a_field_that_comes_twice_is_refused(tmp_path: Path) -> None:
    # Arrow believes the last, Java the first: whoever looks before must not take the other.
    page = Page(plain_texts([b"x"]), 1)
    chunk = Chunk([b"image"], BYTE_ARRAY, [page])
    whole = table(1, chunk, repeated(b"sleeve", 1)).written()
    head = page.written()[: -len(page.content)]
    small, large = b"\x15\x0a", b"\x15\xfe\xff\xff\xff\x0f"
    assert whole.count(head) == 1
    assert head[2:4] == small
    # The second field again, by its number, and 2 GiB this time.
    twice = head[:4] + b"\x05\x04" + large[1:] + head[4:]
    file = tmp_path / "a.parquet"
    file.write_bytes(whole)
    assert len(read_rows(file).table) == 1
    file.write_bytes(whole.replace(head, twice))
    with pytest.raises(AnnotationError, match="disorder"):
        read_rows(file)


@pytest.mark.parametrize("spoilt", [b"PARE", b"PAR2"])
def test_encrypted_and_other_files_are_refused(tmp_path: Path, spoilt: bytes) -> None:
    file = tmp_path / "a.parquet"
    file.write_bytes(table(3).written()[:-4] + spoilt)
    with pytest.raises(AnnotationError, match="not Parquet"):
        read_rows(file)


@pytest.mark.promise("vectors-bounds", "catalogue-bounds")
def test_no_bit_of_a_small_file_makes_it_large(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    frame = pd.DataFrame({"image": ["a.jpg", "b.jpg", "c.jpg"], "sleeve": ["long", "short", ""]})
    frame.to_parquet(buffer, index=False, compression="gzip")
    whole = buffer.getvalue()
    files = {}
    for place in range(0, 8 * len(whole), 97):
        content = bytearray(whole)
        content[place // 8] ^= 1 << place % 8
        files[f"{place}"] = tmp_path / f"{place}.parquet"
        files[f"{place}"].write_bytes(content)
    for name, cost in costs("catalogue", files).items():
        assert not cost.problem or cost.problem.startswith("AnnotationError"), (name, cost)
        assert cost.mib < MOST_MIB, (name, cost)


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    part = tmp_path / "part-0.parquet"
    if kind == "pipe":
        os.mkfifo(part)
    elif kind == "folder":
        part.mkdir()
    else:
        part.symlink_to("/dev/zero")
    with pytest.raises(ExcessError, match="no regular file"):
        BoundedParquet(part)
    with pytest.raises(EmbeddingError, match="no regular file"):
        read_embeddings(tmp_path, {"collar": ["a.jpg"]}, None)


@pytest.mark.promise("vectors-bounds")
def test_a_large_honest_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    rows = 300_000
    columns = {"image": [f"{number:07d}.jpg" for number in range(rows)]}
    for number in range(20):
        columns[f"attribute{number}"] = ["a", "b"] * (rows // 2)
    pq.write_table(pa.table(columns), file, compression="zstd")
    assert len(read_catalogue(file, CatalogueColumns()).records) == rows
