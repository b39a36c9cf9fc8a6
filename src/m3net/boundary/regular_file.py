"""The bytes of a regular file of limited size."""

import os
import stat
from pathlib import Path

MIB = 2**20


class ExcessError(ValueError):
    """A file asks for more than its kind may take; the text says what and how much."""


def read_bytes(file: str | Path, most: int) -> bytes:
    """Read a regular file.

    Args:
        file: A file, or a link to one. Reading a pipe might never end.
        most: Highest size in bytes.

    Raises:
        OSError: It cannot be read.
        ExcessError: It is larger, or not a regular file.

    Example:
        >>> from tempfile import NamedTemporaryFile
        >>> with NamedTemporaryFile() as file:
        ...     _ = file.write(b"a lot")
        ...     file.flush()
        ...     read_bytes(Path(file.name), most=3)
        Traceback (most recent call last):
            ...
        m3net.boundary.regular_file.ExcessError: 5 bytes are more than the 3 that it may have
    """
    with open(file, "rb", opener=open_at_once) as stream:
        size = check_mode(os.fstat(stream.fileno()))
        # Python allocates the requested size at once.
        content = b"" if size > most else stream.read(size + 1)
        if len(content) > size:
            content += stream.read(most + 1 - len(content))
        size = max(size, len(content))
        if size > most:
            raise ExcessError(f"{size:,} bytes are more than the {most:,} that it may have")
        return content


def read_text(file: Path, most: int) -> str:
    """Read a regular file of UTF-8 text; see `read_bytes`.

    Raises:
        UnicodeDecodeError: It is not UTF-8.
    """
    return read_bytes(file, most).decode("utf-8")


def check_regular(file: Path) -> int:
    """Return the size in bytes of a regular file; links are followed.

    Raises:
        OSError: It is missing.
        ExcessError: It is a pipe, a device or a folder.
    """
    return check_mode(os.stat(file))


def check_mode(status: os.stat_result) -> int:
    """Return the size in bytes of a regular file.

    Raises:
        ExcessError: It is a pipe, a device or a folder.
    """
    if not stat.S_ISREG(status.st_mode):
        raise ExcessError("it is no regular file")
    return status.st_size


def open_at_once(file: str, flags: int) -> int:
    """Open a file for `open(..., opener=open_at_once)`.

    Opening a pipe without a writer would otherwise block.
    """
    return os.open(file, flags | os.O_NONBLOCK)
