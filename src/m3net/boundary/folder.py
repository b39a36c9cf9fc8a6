"""A folder of runs that somebody else may have packed: what is written into it must stay in it."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from m3net.errors import CheckpointError

_MOST_ENTRIES = 100_000


def check_run_folder(run: Path) -> None:
    """Refuse a folder in which to write would change something outside of it, or never end.

    Args:
        run: A run folder, or one of several runs, or a link to one.

    Raises:
        CheckpointError: A link in it leads out of it, or there is a pipe, a device or a socket, or
            more than any run has.
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
    """Walk through a folder; links are named and not followed."""
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                mode = entry.stat(follow_symlinks=False).st_mode
                yield Path(entry.path), mode
                if stat.S_ISDIR(mode):
                    waiting.append(Path(entry.path))
