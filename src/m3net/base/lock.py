"""A file, and so a folder, that belongs to one process at a time."""

import fcntl
from pathlib import Path
from typing import IO, Any

from m3net.base.files import writing
from m3net.errors import ConfigError


def hold(file: IO[Any], does: str) -> None:
    """Lock an open file until it is closed; close it if another process holds it.

    Args:
        file: Open for writing.
        does: What the other process does with it, such as "trains in FOLDER".

    Raises:
        ConfigError: Another process holds it.
    """
    try:
        # Workers do not inherit this kind of lock; they may live a little longer.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:  # POSIX allows either
        file.close()
        raise ConfigError(
            f"another process {does}: wait until it ends, or stop it first."
        ) from error
    except OSError:
        # Some network file systems have no locks.
        return


class Lock:
    """Locks a folder for training, for as long as this process lives."""

    def __init__(self, file: Path) -> None:
        """Hold the lock file of a folder.

        Raises:
            ConfigError: Another process trains there.
        """
        with writing(file):
            self._file = file.open("a")
        hold(self._file, f"trains in {file.parent}")
