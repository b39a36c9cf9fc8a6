"""CSV tables of numbers in a run folder, of limited size."""

import io
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from m3net.boundary.regular_file import MIB, ExcessError, read_bytes

_MOST_BYTES = 64 * MIB
"""A training writes some 100 bytes every ten steps: this is enough for six million steps."""
_MOST_CELLS = 16 * MIB
_MOST_COLUMNS = 20_000


def read_number_table(
    file: Path, texts: Collection[str] = (), numbers: Collection[str] = ()
) -> pd.DataFrame:
    r"""Read a table of numbers, with some columns of text.

    Args:
        file: UTF-8 CSV with a header.
        texts: Required columns of text.
        numbers: Required columns of numbers.

    Returns:
        float64 columns, NaN where a cell is empty; int64 for names that begin with "num_".

    Raises:
        OSError: The file cannot be read.
        ExcessError: It is larger than any table of a run.
        ValueError: A column is missing, or a cell is not a number.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder) / "scores.csv"
        ...     length = file.write_text("attribute,map\nNA,0.5\ncollar,\n")
        ...     read_number_table(file, texts=["attribute"])
          attribute  map
        0        NA  0.5
        1    collar  NaN
    """
    content = read_bytes(file, _MOST_BYTES)
    header = content.partition(b"\n")[0]
    cells = content.count(b",") + content.count(b"\n")
    if header.count(b",") > _MOST_COLUMNS or cells > _MOST_CELLS:
        raise ExcessError(f"it has more than {_MOST_COLUMNS:,} columns or {_MOST_CELLS:,} cells")
    names = [str(name) for name in pd.read_csv(io.BytesIO(header), nrows=0)]
    if missing := [name for name in (*texts, *numbers) if name not in names]:
        raise ValueError(f"no column {missing[0]!r}")
    kinds = {name: np.int64 if name.startswith("num_") else np.float64 for name in names}
    values = pd.read_csv(
        io.BytesIO(content),
        usecols=[name for name in names if name not in texts],
        dtype={name: kind for name, kind in kinds.items() if name not in texts},
    )
    # An attribute may be called NA or null.
    named = pd.read_csv(io.BytesIO(content), usecols=[*texts], dtype=str, keep_default_na=False)
    return pd.concat([named, values], axis=1)[names]
