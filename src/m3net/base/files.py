"""Files that are either whole or absent, and errors that say why one cannot be written.

A file is written under another name in its folder, flushed to the disk and renamed. A process that
is killed meanwhile leaves the old file, and a file `.<name>.part` that nobody reads.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from m3net.errors import OutputError


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Yield a temporary file that replaces `file` when the block ends without an error.

    The folder must exist.

    Raises:
        OutputError: The disk is full, or the folder is not writable.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with replacing(Path(folder) / "a.txt") as part:
        ...         length = part.write_text("whole")
        ...     [path.name for path in Path(folder).iterdir()]
        ['a.txt']
    """
    part = file.with_name(f".{file.name}.part")
    with writing(file):
        # Writing would follow a link of this name.
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            yield part
            flush_to_disk(part)
            part.replace(file)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        flush_to_disk(file.parent)


@contextmanager
def writing(file: Path, setting: str = "runs") -> Iterator[None]:
    """Turn the system's errors within a block into an OutputError about a file.

    Args:
        file: What the block writes.
        setting: The setting that chooses another folder.

    Raises:
        OutputError: The system refused to write.
    """
    try:
        yield
    except OSError as error:
        raise OutputError.at(file, error, setting) from error


def write_text(file: Path, text: str) -> None:
    """Write a whole file into an existing folder.

    Raises:
        OutputError: It cannot be written.
    """
    with replacing(file) as part:
        part.write_text(text, encoding="utf-8", newline="")


def detach(file: Path) -> None:
    """Replace a link, or a file with other names, by a copy, so that appending changes no other.

    Raises:
        OutputError: It cannot be written.
    """
    with writing(file):
        shared = file.is_symlink() or (file.is_file() and file.stat().st_nlink > 1)
    if shared and file.is_file():
        with replacing(file) as part:
            shutil.copyfile(file, part)


def make_folder(folder: Path, setting: str = "runs") -> None:
    """Make a folder and its parents, unless they exist.

    Raises:
        OutputError: It cannot be made; the text names the setting that chooses another one.
    """
    with writing(folder, setting):
        folder.mkdir(parents=True, exist_ok=True)


def flush_to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, would survive a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        # Some network file systems cannot flush folders.
        if not path.is_dir():
            raise
    finally:
        os.close(handle)


def remove_parts(folder: Path) -> None:
    """Remove the unfinished files of killed processes, also from subfolders.

    No other process may write there.
    """
    for part in folder.rglob(".*.part"):
        part.unlink(missing_ok=True)
