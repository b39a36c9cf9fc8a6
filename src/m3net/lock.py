"""A run folder belongs to one training at a time."""

import fcntl
from pathlib import Path

from m3net.errors import ConfigError
from m3net.files import writing


class Lock:
    """Keeps a run folder to one process, as long as that lives."""

    def __init__(self, run: Path) -> None:
        """Take the folder.

        Args:
            run: Its folder.

        Raises:
            ConfigError: Another process trains there.
        """
        file = run / ".lock"
        with writing(file):
            self._file = file.open("a")
        try:
            # A lock of this kind is not inherited by loader processes, which may live on a little.
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise ConfigError(
                f"another process trains in {run}: wait until it ends, or stop it first."
            ) from error
        except OSError:
            # Some network file systems have no locks.
            return
