"""The processes of one command: children learn the run folder, and end with their parent."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from m3net.base.escaping import printable_lines

RUN_FOLDER = "M3NET_RUN_FOLDER"
"""Environment variable that tells child processes the run folder."""
_PARENT = "M3NET_STARTER"
"""Environment variable that tells child processes the id of this one."""
_BY_TORCHRUN = "TORCHELASTIC_RUN_ID"
_POLL_SECONDS = 0.5
_GRACE_SECONDS = 2.0
"""Parent and child may both end by themselves, for example after the same error."""


def is_first_process() -> bool:
    """Return whether this process is the one that writes files and logs."""
    # Commands that do not train never load Lightning, which takes a second.
    from lightning.pytorch.utilities import rank_zero_only

    return int(getattr(rank_zero_only, "rank", 0)) == 0


def started_by_another() -> bool:
    """Return whether another process of this training started this one."""
    return RUN_FOLDER in os.environ and not is_first_process()


@contextmanager
def ending_with_starter() -> Iterator[None]:
    """Exit when the parent process dies; children started within the block do the same.

    An orphan would wait for the others for half an hour, or train on for nobody. Only a parent that
    is an m3net command or torchrun counts: a shell may end long before.
    """
    before = {name: os.environ.get(name) for name in (_PARENT, RUN_FOLDER)}
    parent = before[_PARENT]
    if parent is None and _BY_TORCHRUN in os.environ:
        parent = str(os.getppid())
    if parent is not None:
        # A thread runs also while the main thread waits in a collective, where no signal arrives.
        threading.Thread(target=_end_with, args=(int(parent),), daemon=True).start()
    os.environ[_PARENT] = str(os.getpid())
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def how_to_resume(run: str) -> str:
    """Return the sentence that says how to resume a training in a run folder."""
    return f"To resume a training, run its command again with resume set to {run!r}"


def end_at_once(text: str) -> NoReturn:
    """Print why this process ends, and end it, whatever its main thread waits for."""
    try:
        sys.stderr.write(printable_lines(text))
        sys.stderr.flush()
    finally:
        # Even if standard error is closed, or its reader is gone.
        os._exit(1)


def _end_with(process: int) -> NoReturn:
    parent = os.getppid()
    # If the process died before this line, this one already has another parent.
    while os.getppid() == parent and _is_alive(process):
        time.sleep(_POLL_SECONDS)
    time.sleep(_GRACE_SECONDS)
    resume = how_to_resume(os.environ[RUN_FOLDER]) if RUN_FOLDER in os.environ else ""
    text = f"\nm3net: the process that started this one is gone, so this one ends. {resume}"
    end_at_once(f"{text.rstrip()}\n")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it belongs to another user
        return True
    return not _is_zombie(process)


def _is_zombie(process: int) -> bool:
    """Return whether a process has ended but waits to be reaped; False if unknown."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    # The name of the program, in brackets before, may contain any letters.
    return status.rpartition(")")[2].split()[0] == "Z"
