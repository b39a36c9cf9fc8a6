"""The bytes of a file, refused before they fill the memory."""

import os
import stat
from pathlib import Path

MIB = 2**20


class ExcessError(ValueError):
    """A file asks for more than its kind may take; the text says what and how much."""


def read_bytes(file: Path, most: int) -> bytes:
    """Read a regular file.

    Args:
        file: A file, or a link to one. A pipe would never end, a device might not.
        most: Its greatest size in bytes.

    Raises:
        OSError: The system does not let it be read.
        ExcessError: It is larger, or no regular file.

    Example:
        >>> from tempfile import NamedTemporaryFile
        >>> with NamedTemporaryFile() as file:
        ...     _ = file.write(b"a lot")
        ...     file.flush()
        ...     read_bytes(Path(file.name), most=3)
        Traceback (most recent call last):
            ...
        m3net.boundary.content.ExcessError: 5 bytes are more than the 3 that such a file may have
    """
    with open(file, "rb", opener=open_at_once) as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ExcessError("it is no regular file")
        # No more is asked for at once than is there: Python would set it aside.
        content = b"" if status.st_size > most else stream.read(status.st_size + 1)
        if len(content) > status.st_size:
            content += stream.read(most + 1 - len(content))
        size = max(status.st_size, len(content))
        if size > most:
            raise ExcessError(
                f"{size:,} bytes are more than the {most:,} that such a file may have"
            )
        return content


def check_regular(file: Path) -> int:
    """Return the size in bytes of a regular file, or of one that a link leads to.

    Raises:
        OSError: There is none.
        ExcessError: It is a pipe, which might never end, a device or a folder.
    """
    status = os.stat(file)
    if not stat.S_ISREG(status.st_mode):
        raise ExcessError("it is no regular file")
    return status.st_size


def open_at_once(file: str, flags: int) -> int:
    """Open a file for `open(..., opener=open_at_once)`.

    A pipe that nobody writes to would hold the process until somebody does.
    """
    return os.open(file, flags | os.O_NONBLOCK)


def read_text(file: Path, most: int) -> str:
    """Read a regular file of UTF-8 text; see `read_bytes`.

    Raises:
        UnicodeDecodeError: It is not UTF-8.
    """
    return read_bytes(file, most).decode("utf-8")
