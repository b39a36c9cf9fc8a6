"""File of finished items, so that interrupted work resumes."""

import json
import os
from pathlib import Path
from typing import Self

from m3net.base.lock import hold
from m3net.boundary.links import open_to_append
from m3net.boundary.regular_file import ExcessError
from m3net.errors import ConfigError

_MOST_BYTES = 2**30
"""Bytes of ten million images; in memory they take ten times as much."""
_MOST_NUMBER = 2**63


def stamp_of(file: str | Path) -> tuple[int, int] | None:
    """Return size (bytes) and time of change (ns) of a file; None if it does not exist."""
    try:
        state = os.stat(file)
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns


class Journal:
    """Append-only file of JSON lines: a key and some integers; a later line wins.

    Lines are written in batches: a killed process loses the last batch at most, and the next one
    drops the line that was cut off.

    Attributes:
        done: The integers of each key when the file was opened.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder) / "journal"
        ...     with Journal(file, "example") as journal:
        ...         journal.add("a.jpg", (3, 4))
        ...     with Journal(file, "example") as journal:
        ...         journal.done
        {'a.jpg': (3, 4)}
    """

    BATCH = 64

    def __init__(self, file: Path, subject: str) -> None:
        """Read the file, and open it to append.

        Args:
            file: Created if it is missing, with its folder.
            subject: Meaning of keys and integers; the first line holds it.

        Raises:
            ConfigError: The file is not a journal of this subject, is damaged, cannot be written or
                is written by another process.
        """
        header = json.dumps({"journal": subject}).encode() + b"\n"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._file = open_to_append(file)
        except (OSError, ExcessError) as error:
            problem = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(
                f"cannot open the journal {file}: {problem}. Choose another file."
            ) from error
        # Without the lock, the line that another process is writing would be cut off.
        hold(self._file, f"writes {file}")
        try:
            content = self._read(file)
            whole = content[: content.rfind(b"\n") + 1]
            self.done = _parse(file, content, header, whole)
        except ConfigError:
            self._file.close()
            raise
        self._file.truncate(len(whole))
        if not whole:
            self._file.write(header)
        # Forked processes must not inherit unwritten lines.
        self._file.flush()
        self._waiting = 0

    def _read(self, file: Path) -> bytes:
        size = os.fstat(self._file.fileno()).st_size
        if size > _MOST_BYTES:
            raise ConfigError(
                f"{file} has {size:,} bytes, more than a journal may have. Delete it to start over."
            )
        self._file.seek(0)
        return self._file.read()

    def add(self, key: str, numbers: tuple[int, ...]) -> None:
        """Append a finished item."""
        self._file.write(json.dumps([key, *numbers]).encode() + b"\n")
        self._waiting += 1
        if self._waiting == self.BATCH:
            self._file.flush()
            self._waiting = 0

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(self, *error: object) -> None:
        """Write the remaining lines, also after an interruption."""
        self._file.close()


def _parse(file: Path, content: bytes, header: bytes, whole: bytes) -> dict[str, tuple[int, ...]]:
    """Parse all whole lines; refuse any other file, which new lines would spoil."""
    if not content.startswith(header[: len(content)]):
        raise ConfigError(
            f"{file} is not the journal of this work with these settings. Delete it or name "
            "another file."
        )
    done = {}
    for number, line in enumerate(whole.splitlines()[1:], start=2):
        entry = _parse_line(line)
        if entry is None:
            raise ConfigError(
                f"{file}, line {number}: the journal is damaged. Delete it to start over."
            )
        done[entry[0]] = entry[1]
    return done


def _parse_line(line: bytes) -> tuple[str, tuple[int, ...]] | None:
    """Return key and integers; None for any other line."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, list) or not entry or not isinstance(entry[0], str):
        return None
    # True is an integer as well.
    if not all(type(number) is int and abs(number) < _MOST_NUMBER for number in entry[1:]):
        return None
    return entry[0], tuple(entry[1:])
