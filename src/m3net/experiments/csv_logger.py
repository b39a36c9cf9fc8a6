"""Training curves in metrics.csv, which a resumed training continues."""

import csv
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor
from typing_extensions import override

from m3net.base.files import detach, flush_to_disk, replacing, writing
from m3net.boundary.parsing import parsing
from m3net.boundary.regular_file import MIB, ExcessError
from m3net.experiments.run import Run


class RunCSVLogger(Logger):
    """Writes a row for each call, with columns in alphabetical order, in the first process.

    Lightning's `CSVLogger` deletes an existing file, and loses all rows if it is killed while it
    adds a column.
    """

    def __init__(self, save_dir: str = ".", flush_every_n_rows: int = 100) -> None:
        """Set the folder.

        Args:
            save_dir: The run folder. Filled in.
            flush_every_n_rows: Rows that are written at a time.
        """
        super().__init__()
        self.file, self._flush_every = Run(Path(save_dir)).curves, flush_every_n_rows
        self._rows: list[dict[str, Any]] = []

    @property
    @override
    def save_dir(self) -> str:
        """The run folder."""
        return str(self.file.parent)

    @property
    @override
    def name(self) -> str:
        """Empty: the run folder has the name."""
        return ""

    @property
    @override
    def version(self) -> str:
        """Empty: the run folder has the number."""
        return ""

    @override
    def log_hyperparams(self, *_: object, **__: object) -> None:
        """Log nothing: config.yaml has all settings."""

    @override
    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Add a row."""
        row = {
            name: value.item() if isinstance(value, Tensor) else value
            for name, value in metrics.items()
        }
        self._rows.append(row | {"step": step})
        if len(self._rows) >= self._flush_every:
            self.save()

    @override
    @rank_zero_only
    def save(self) -> None:
        """Write the rows to the disk.

        Raises:
            OutputError: The file cannot be written.
        """
        if not self._rows:
            return
        with open_rows(self.file) as (columns, old):
            new = set().union(*self._rows) - set(columns)
            if new:
                write_rows(self.file, sorted({*columns, *new}), chain(old, self._rows))
        if not new:
            append_rows(self.file, columns, self._rows)
        self._rows = []

    @override
    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write the last rows."""
        self.save()


@contextmanager
def open_rows(file: Path) -> Iterator[tuple[list[str], Iterator[dict[str, Any]]]]:
    """Yield columns and rows of a file, none if it is missing.

    A last line that a kill cut off is left out.

    Raises:
        ValueError: A row is longer than any that a logger writes.
        csv.Error: It is not CSV.
    """
    if not file.is_file():
        yield [], iter(())
        return
    with file.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(_whole_lines(stream))
        yield list(reader.fieldnames or []), reader


def _whole_lines(stream: TextIO) -> Iterator[str]:
    while line := stream.readline(MIB):
        if line.endswith("\n"):
            yield line
        elif len(line) == MIB:
            raise ExcessError(f"a row has {MIB:,} letters or more")


def write_rows(file: Path, columns: list[str], rows: Iterable[dict[str, Any]]) -> None:
    """Replace a file by these rows.

    Raises:
        OutputError: It cannot be written.
    """
    with replacing(file) as part, part.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        writer.writerows(rows)


def append_rows(file: Path, columns: list[str], rows: list[dict[str, Any]]) -> None:
    """Append rows to a file, or none if the disk has no room for all; start a missing file.

    Raises:
        OutputError: It cannot be written.
    """
    if not file.is_file():
        write_rows(file, columns, rows)
        return
    detach(file)
    with writing(file):
        size = file.stat().st_size
        try:
            with file.open("a", newline="", encoding="utf-8") as stream:
                csv.DictWriter(stream, columns).writerows(rows)
            flush_to_disk(file)
        except OSError:
            os.truncate(file, size)
            raise


def drop_rows(file: Path, steps: int) -> None:
    """Drop the rows after a number of steps, which a resumed training will take again."""
    remedy = "delete it, and the curves begin where the training resumes"
    with parsing(file, remedy), open_rows(file) as (columns, rows):
        if columns:
            write_rows(file, columns, (row for row in rows if int(row["step"]) < steps))
