"""A file, and so a folder, that belongs to one process at a time."""

import fcntl
from pathlib import Path
from typing import IO, Any

from m3net.base.files import writing
from m3net.errors import ConfigError


def hold(file: IO[Any], does: str) -> None:
    """Keep an open file to this process until it is closed; one that is held by another is closed.

    Args:
        file: Open for writing.
        does: What the other process does with it, "trains in FOLDER".

    Raises:
        ConfigError: Another process holds it.
    """
    try:
        # A lock of this kind is not inherited by loader processes, which may live on a little.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:  # either is a system's right
        file.close()
        raise ConfigError(
            f"another process {does}: wait until it ends, or stop it first."
        ) from error
    except OSError:
        # Some network file systems have no locks.
        return


class Lock:
    """Keeps a folder to one process for as long as that lives."""

    def __init__(self, file: Path) -> None:
        """Take the folder.

        Args:
            file: The lock file in it.

        Raises:
            ConfigError: Another process trains there.
        """
        with writing(file):
            self._file = file.open("a")
        hold(self._file, f"trains in {file.parent}")
