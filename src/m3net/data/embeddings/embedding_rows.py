"""Read vectors from Parquet: a row per image and attribute, as `m3net predict` writes them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from m3net.boundary.bounded_parquet import REMEDY, BoundedParquet
from m3net.boundary.parquet_pages import LONGEST_TEXT
from m3net.boundary.regular_file import MIB, ExcessError
from m3net.data.embeddings.attribute_vectors import BLOCK_SIZE, Block
from m3net.data.embeddings.embedding_batches import check_file, read_batches
from m3net.errors import EmbeddingError

_SCHEMA = pa.schema(
    [
        ("image", pa.string()),
        ("attribute", pa.string()),
        ("vector", pa.large_list(pa.float32())),
    ]
)
_NOT_PARQUET = "Write it again with the columns image, attribute and vector"


def read_parquet(file: Path) -> Iterator[Block]:
    """Yield the vectors of a file in its order; only a few blocks are in memory at once.

    Args:
        file: Has the columns image and attribute (text) and vector (lists of floats); others are
            not read.

    Raises:
        EmbeddingError: It is not Parquet, a column is missing or of another type, a cell is empty,
            the vectors of an attribute differ in length, or it expands to far more vectors than a
            file of its size should hold.
    """
    row = 0
    try:
        with BoundedParquet(file, buffer_size=MIB) as opened:
            _check_columns(file, opened.content.schema_arrow)
            leaves = check_file(opened, _SCHEMA.names, "vector")
            for batch in read_batches(opened, leaves, BLOCK_SIZE):
                # By default Arrow trusts that text is UTF-8 and that list offsets are in range.
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
    """Raise an error if a column is missing or has another type."""
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
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    is_list = is_list or pa.types.is_fixed_size_list(kind)
    return bool(is_list and pa.types.is_floating(kind.value_type))


def _holds_text(kind: pa.DataType) -> bool:
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    return inner in (pa.string(), pa.large_string(), pa.string_view())


def _check_cells(file: Path, first_row: int, rows: pa.RecordBatch) -> None:
    """Raise an error if a cell is empty or a name too long; rows count from 0, as in pandas."""
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
    """Yield a block for each attribute."""
    for attribute in rows["attribute"].unique().to_pylist():
        selected = rows.filter(pc.equal(rows["attribute"], attribute))
        images = selected["image"].to_pylist()
        yield Block(file, attribute, images, _matrix(file, attribute, images, selected["vector"]))


def _matrix(
    file: Path, attribute: str, images: list[str], vectors: pa.LargeListArray
) -> NDArray[np.float32]:
    """Return lists as (n, D); null becomes NaN."""
    lengths = pc.list_value_length(vectors).to_numpy()
    if others := np.flatnonzero(lengths != lengths[0]).tolist():
        what = f"the vectors of attribute {attribute!r} have {lengths[0]} numbers"
        problem = f"{what}, but {lengths[others[0]]} for image {images[others[0]]!r}"
        raise EmbeddingError.at(file, problem, "Write vectors of one model")
    values: NDArray[np.float32] = vectors.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(len(images), lengths[0])
