"""Files that are whole or not there, and plain words where one cannot be written.

A file is written under another name in its folder, brought to the disk and renamed: a process that
is killed meanwhile leaves what was there before, and a file `.<name>.part` that nobody reads.
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

    Args:
        file: What is written, in an existing folder.

    Raises:
        OutputError: The disk is full, or the folder must not be written to.

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
        # What lies there may be a link, which writing would follow.
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            yield part
            bring_to_disk(part)
            part.replace(file)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        bring_to_disk(file.parent)


@contextmanager
def writing(file: Path, instead: str | None = None) -> Iterator[None]:
    """Say in words why a file cannot be written.

    Args:
        file: What is written within the block.
        instead: Which other folder to choose, "another one by --out"; None for a run's.

    Raises:
        OutputError: The system refused to.
    """
    try:
        yield
    except OSError as error:
        raise OutputError.at(file, error, instead) from error


def write_text(file: Path, text: str) -> None:
    """Write a file as a whole.

    Args:
        file: Its folder exists.
        text: All that the file will hold.

    Raises:
        OutputError: It cannot be written.
    """
    with replacing(file) as part:
        part.write_text(text, encoding="utf-8", newline="")


def detach(file: Path) -> None:
    """Replace a link, or a file with other names, by a copy of its own before appending.

    Raises:
        OutputError: It cannot be written.
    """
    with writing(file):
        shared = file.is_symlink() or (file.is_file() and file.stat().st_nlink > 1)
    if shared and file.is_file():
        with replacing(file) as part:
            shutil.copyfile(file, part)


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it lies in, where they are not there.

    Args:
        folder: May be there.

    Raises:
        OutputError: It cannot be made.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def bring_to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, would survive a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        # Some network file systems know no such thing for folders.
        if not path.is_dir():
            raise
    finally:
        os.close(handle)


def remove_parts(folder: Path) -> None:
    """Remove what processes that were killed have left of unfinished files.

    Args:
        folder: No other process writes there; its folders count as well.
    """
    for part in folder.rglob(".*.part"):
        part.unlink(missing_ok=True)
