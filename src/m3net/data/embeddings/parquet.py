"""Vectors from Parquet: a row for each image and attribute, as `m3net predict` writes them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from m3net.boundary.content import MIB, ExcessError
from m3net.boundary.pages import LONGEST_TEXT
from m3net.boundary.parquet import REMEDY, BoundedParquet
from m3net.data.embeddings.block import BLOCK_SIZE, Block
from m3net.data.embeddings.parquet_batches import check_file, read_batches
from m3net.errors import EmbeddingError

_SCHEMA = pa.schema(
    [
        ("image", pa.string()),
        ("attribute", pa.string()),
        ("vector", pa.large_list(pa.float32())),
    ]
)
_NOT_PARQUET = "Write it anew with the columns image, attribute and vector"


def read_parquet(file: Path) -> Iterator[Block]:
    """Give the vectors of a file in its own order; no more than a few blocks are in memory.

    Args:
        file: Has the columns image and attribute (text) and vector (lists of floats); others are
            not read.

    Raises:
        EmbeddingError: It is not Parquet, a column is missing or of another type, a cell is empty,
            the vectors of an attribute have different lengths, or a few of its bytes stand for more
            vectors than it could honestly hold.
    """
    row = 0
    try:
        with BoundedParquet(file, buffer_size=MIB) as opened:
            _check_columns(file, opened.content.schema_arrow)
            leaves = check_file(opened, _SCHEMA.names, "vector")
            for batch in read_batches(opened, leaves, BLOCK_SIZE):
                # Of itself, Arrow believes that text is UTF-8 and that lists end where they say.
                batch.validate(full=True)
                rows = batch.select(_SCHEMA.names).cast(_SCHEMA)
                _check_cells(file, row, rows)
                yield from _blocks(file, rows)
                row += len(rows)
    except ExcessError as error:
        raise EmbeddingError.at(file, str(error), REMEDY) from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise EmbeddingError.at(file, f"not Parquet: {error}", _NOT_PARQUET) from error


def _check_columns(file: Path, schema: pa.Schema) -> None:
    """Raise an error if a column is missing or holds something else."""
    if missing := [name for name in _SCHEMA.names if name not in schema.names]:
        problem = f"no column {', '.join(map(repr, missing))}, only {', '.join(schema.names)}"
        raise EmbeddingError.at(file, problem, _NOT_PARQUET)
    for name in _SCHEMA.names:
        kind = schema.field(name).type
        if not (_holds_floats(kind) if name == "vector" else _holds_text(kind)):
            needed = "lists of floats" if name == "vector" else "text"
            problem = f"column {name!r} holds {kind}, not {needed}"
            raise EmbeddingError.at(file, problem, _NOT_PARQUET)


def _holds_floats(kind: pa.DataType) -> bool:
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(kind) for test in lists) and pa.types.is_floating(kind.value_type)


def _holds_text(kind: pa.DataType) -> bool:
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(inner) for test in texts)


def _check_cells(file: Path, first_row: int, rows: pa.RecordBatch) -> None:
    """Raise an error if a cell is empty; pandas counts rows in the same way."""
    for name in _SCHEMA.names:
        if rows[name].null_count:
            row = first_row + pc.index(rows[name].is_null(), True).as_py()
            problem = f"column {name!r} is empty in row {row}, counted from 0"
            raise EmbeddingError.at(file, problem, "Fill the cell or delete the row")
    for name in ("image", "attribute"):
        longest = pc.max(pc.binary_length(rows[name])).as_py() or 0
        if longest > LONGEST_TEXT:
            problem = f"a name in column {name!r} has {longest:,} bytes"
            raise EmbeddingError.at(file, problem, f"Write names of up to {LONGEST_TEXT:,}")


def _blocks(file: Path, rows: pa.RecordBatch) -> Iterator[Block]:
    """Give the rows of each attribute."""
    for attribute in rows["attribute"].unique().to_pylist():
        own = rows.filter(pc.equal(rows["attribute"], attribute))
        images = own["image"].to_pylist()
        yield Block(file, attribute, images, _matrix(file, attribute, images, own["vector"]))


def _matrix(
    file: Path, attribute: str, images: list[str], vectors: pa.LargeListArray
) -> NDArray[np.float32]:
    """Give lists as (n, D); an empty number becomes NaN."""
    lengths = pc.list_value_length(vectors).to_numpy()
    if others := np.flatnonzero(lengths != lengths[0]).tolist():
        what = f"the vectors of attribute {attribute!r} have {lengths[0]} numbers"
        problem = f"{what}, but {lengths[others[0]]} for image {images[others[0]]!r}"
        raise EmbeddingError.at(file, problem, "Write vectors of one model")
    values: NDArray[np.float32] = vectors.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(len(images), lengths[0])
