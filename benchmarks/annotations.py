"""Reading DeepFashion's list_attr_img.txt at its true size, in its own process.

The file is synthetic: 289,222 rows of a path and 1,000 values, three or four of them positive.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np

from benchmarks.__main__ import Figure
from benchmarks.resident import peak_gib
from m3net.data.annotations.deepfashion import numbered_classes, read_all
from m3net.data.annotations.findings import Findings

ROWS, VALUES, PATH_WIDTH, BLOCK = 289_222, 1_000, 70, 2_048
YES_SHARE = 3.5 / VALUES
_FIRST_VALUE, _DIGITS = PATH_WIDTH + 1, 8


def measure() -> Iterator[Figure]:
    """Write the file and read it in another process."""
    with tempfile.TemporaryDirectory() as scratch:
        labels = _write(Path(scratch))
        command = [sys.executable, "-m", "benchmarks.annotations", scratch, str(labels)]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, peak, kept = map(float, said.split())
    yield Figure("annotations.deepfashion_seconds", seconds, "<=15")
    yield Figure("annotations.deepfashion_peak_gib", peak, "<=1.5")
    yield Figure("annotations.deepfashion_kept_mib", kept)


def _write(folder: Path) -> int:
    """Write the file in blocks of rows, and return the number of positive values."""
    rng = np.random.default_rng(0)
    path = f"{'img/Sheer_Pleated-Front_Blouse/img_':0<{PATH_WIDTH - 20}}.jpg".ljust(_FIRST_VALUE)
    row = f"{path}{' '.join(['-1'] * VALUES)}\n".encode()
    block = np.tile(np.frombuffer(row, dtype=np.uint8), (BLOCK, 1))
    digits = np.arange(path.index(".jpg") - _DIGITS, path.index(".jpg"))
    labels = 0
    with (folder / "list_attr_img.txt").open("wb") as file:
        file.write(f"{ROWS}\nimage_name  attribute_labels\n".encode())
        for first in range(0, ROWS, BLOCK):
            numbers = np.arange(first, min(first + BLOCK, ROWS))
            rows = block[: len(numbers)].copy()
            rows[:, digits] = numbers[:, None] // 10 ** np.arange(_DIGITS)[::-1] % 10 + ord("0")
            yes, column = np.nonzero(rng.random((len(numbers), VALUES)) < YES_SHARE)
            rows[yes, _FIRST_VALUE + 3 * column] = ord(" ")
            labels += len(yes)
            file.write(rows.tobytes())
    return labels


def _read(folder: Path, labels: int) -> str:
    """Read the file, and return seconds, peak memory in GiB and kept memory in MiB."""
    start = time.perf_counter()
    records = read_all(folder, numbered_classes(), Findings())
    seconds = time.perf_counter() - start
    if len(records.class_ids) != labels:
        raise RuntimeError(f"{len(records.class_ids)} labels read, {labels} written")
    columns = [getattr(records, field.name) for field in fields(records)]
    kept = sum(column.nbytes for column in columns if isinstance(column, np.ndarray)) / 2**20
    return f"{seconds} {peak_gib()} {kept}"


if __name__ == "__main__":
    print(_read(Path(sys.argv[1]), int(sys.argv[2])))
