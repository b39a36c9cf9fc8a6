"""Writing into folders in which somebody else may have laid links: none of them is followed."""

import os
import stat
from pathlib import Path, PurePath
from typing import BinaryIO

from m3net.boundary.content import ExcessError


def open_to_append(file: Path) -> BinaryIO:
    """Open a file to read and to append to it; it is made if it is missing.

    Raises:
        OSError: The system does not let it be opened.
        ExcessError: It is a link or no regular file.
    """
    if file.is_symlink():
        raise ExcessError("it is a link")
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    handle = os.open(file, flags, 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise ExcessError("it is no regular file")
    return open(handle, "a+b")


def write_new(file: Path, content: bytes) -> None:
    """Write a file to the disk in place of what has its name; a link is removed, not followed.

    Raises:
        OSError: The system does not let it be written.
    """
    file.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with open(os.open(file, flags, 0o666), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def check_no_link(root: Path, inner: str) -> None:
    """Refuse a path one of whose folders, below the root, is a link.

    Args:
        root: A folder, or a link to one.
        inner: Path of a file in it, from the root.

    Raises:
        ExcessError: A folder is a link, and may lead anywhere.
    """
    for folder in reversed(PurePath(inner).parents[:-1]):
        place = os.path.join(root, folder)
        if os.path.islink(place):
            raise ExcessError(f"its folder {place} is a link, which may lead anywhere")
