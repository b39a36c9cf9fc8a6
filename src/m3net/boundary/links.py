"""Refuse links and special files that somebody else put into a folder."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import BinaryIO

from m3net.boundary.regular_file import ExcessError, check_mode
from m3net.errors import CheckpointError

_MOST_ENTRIES = 100_000


def open_to_append(file: Path) -> BinaryIO:
    """Open a file to read and to append to it; create it if it is missing.

    Raises:
        OSError: It cannot be opened.
        ExcessError: It is a link or no regular file.
    """
    if file.is_symlink():
        raise ExcessError("it is a link")
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    handle = os.open(file, flags, 0o666)
    try:
        check_mode(os.fstat(handle))
    except ExcessError:
        os.close(handle)
        raise
    return open(handle, "a+b")


def write_new(file: Path, content: bytes) -> None:
    """Write a file to disk, and replace an old one; a link is removed, not followed.

    Raises:
        OSError: It cannot be written.
    """
    file.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with open(os.open(file, flags, 0o666), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def check_no_link(root: Path, inner: str) -> None:
    """Check that no folder of a path, below the root, is a link.

    Args:
        root: A folder, or a link to one.
        inner: Path of a file below the root, relative to it.

    Raises:
        ExcessError: A folder is a link.
    """
    for folder in reversed(PurePath(inner).parents[:-1]):
        path = os.path.join(root, folder)
        if os.path.islink(path):
            raise ExcessError(f"its folder {path} is a link, which may lead anywhere")


def check_run_folder(run: Path) -> None:
    """Check that writing into a run folder changes nothing outside of it.

    Args:
        run: A run folder, or a folder of several runs, or a link to one.

    Raises:
        CheckpointError: It holds a link that leads out of it, a pipe, a device, a socket, or more
            files than any run.
    """
    root = run.resolve()
    for count, (file, mode) in enumerate(_entries(root)):
        if count > _MOST_ENTRIES:
            raise CheckpointError(f"{run} holds more than {_MOST_ENTRIES:,} files: it is no run.")
        name = run / file.relative_to(root)
        if stat.S_ISLNK(mode):
            target = Path(os.path.realpath(file))
            if not target.is_relative_to(root):
                raise CheckpointError(
                    f"{name} leads out of the run folder, to {target}, where results of this run "
                    "would be written: put what belongs to the run in its place, or remove it."
                )
        elif not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise CheckpointError(
                f"{name} is neither a file nor a folder, and no run has such things: remove it."
            )


def _entries(folder: Path) -> Iterator[tuple[Path, int]]:
    """Walk through a folder; yield links without following them."""
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                mode = entry.stat(follow_symlinks=False).st_mode
                yield Path(entry.path), mode
                if stat.S_ISDIR(mode):
                    waiting.append(Path(entry.path))
