"""What is done already, kept in a file through interruptions of long work."""

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from m3net.base.lock import hold
from m3net.boundary.links import open_to_append
from m3net.boundary.regular_file import ExcessError
from m3net.errors import ConfigError

_MOST_BYTES = 2**30
"""Of ten million images; in memory it takes some ten times as much."""
_MOST_NUMBER = 2**63


def stamp_of(file: str | Path) -> tuple[int, int] | None:
    """Give size (bytes) and time of the last change (ns) of a file; None where there is none."""
    try:
        state = os.stat(file)
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns


class Journal:
    """Append-only file of JSON lines, a key and some integers in each; a later line wins.

    Lines are handed to the system in batches, so that a killed process loses at most the last
    batch. A line that was cut off by it is dropped when the file is opened again.

    Attributes:
        done: The numbers of each key as they were when the file was opened.

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
        """Read what is there and open the file for more.

        Args:
            file: Made if it is missing, with its folder.
            subject: What the keys and numbers mean; stands in the first line.

        Raises:
            ConfigError: The file is no journal of this subject, is damaged, cannot be written or is
                written by another process.
        """
        header = json.dumps({"journal": subject}).encode() + b"\n"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._file = open_to_append(file)
        except (OSError, ExcessError) as error:
            problem = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(
                f"cannot open the journal {file}: {problem}. Choose another place for it."
            ) from error
        # What another process is about to write would be cut off, and lines be mixed.
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
        # Processes that are forked from now on must not inherit lines that are still to be written.
        self._file.flush()
        self._waiting = 0

    def _read(self, file: Path) -> bytes:
        size = os.fstat(self._file.fileno()).st_size
        if size > _MOST_BYTES:
            raise ConfigError(
                f"{file} has {size:,} bytes, more than a journal may have. Delete it to start anew."
            )
        self._file.seek(0)
        return self._file.read()

    def add(self, key: str, numbers: tuple[int, ...]) -> None:
        """Note that something is done."""
        self._file.write(json.dumps([key, *numbers]).encode() + b"\n")
        self._waiting += 1
        if self._waiting == self.BATCH:
            self._file.flush()
            self._waiting = 0

    def __enter__(self) -> Self:
        """Give the journal itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write what is left, also after an interruption."""
        self._file.close()


def _parse(file: Path, content: bytes, header: bytes, whole: bytes) -> dict[str, tuple[int, ...]]:
    """Read all whole lines; refuse a file that would be spoilt by lines of ours."""
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
                f"{file}, line {number}: the journal is damaged. Delete it to start anew."
            )
        done[entry[0]] = entry[1]
    return done


def _parse_line(line: bytes) -> tuple[str, tuple[int, ...]] | None:
    """Give key and numbers; None where a line is anything else."""
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
