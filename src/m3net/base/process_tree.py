"""What a process hands down to those that it starts: its run folder, and its end."""

import os
import shlex
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from m3net.base.escaping import printable_lines

RUN_FOLDER = "M3NET_RUN_FOLDER"
"""Environment variable by which a process names its run folder to those that it starts."""
_STARTER = "M3NET_STARTER"
"""Environment variable by which it names itself."""
_BY_TORCHRUN = "TORCHELASTIC_RUN_ID"
_PAUSE = 0.5
_PATIENCE = 2.0
"""Seconds in which both may end by themselves, as after an error that both have met."""


def is_first_process() -> bool:
    """Tell whether this process is the one that writes files and speaks."""
    # Commands that train nothing never load Lightning, which takes a second.
    from lightning.pytorch.utilities import rank_zero_only

    return int(getattr(rank_zero_only, "rank", 0)) == 0


def started_by_another() -> bool:
    """Tell whether another process of this training has started this one."""
    return RUN_FOLDER in os.environ and not is_first_process()


@contextmanager
def ending_with_starter() -> Iterator[None]:
    """End this process when the one that started it is gone, and so those that it starts itself.

    It would wait for the other for half an hour, or train on for nobody. The one that started it
    counts where it is a command of m3net itself, or torchrun: a shell may go long before.
    After the block nothing is handed down any more.
    """
    before = {name: os.environ.get(name) for name in (_STARTER, RUN_FOLDER)}
    starter = before[_STARTER]
    if starter is None and _BY_TORCHRUN in os.environ:
        starter = str(os.getppid())
    if starter is not None:
        # It speaks also while the main thread waits within an exchange, where no signal is heard.
        watch = threading.Thread(target=_end_with, args=(int(starter),), daemon=True)
        watch.start()
    os.environ[_STARTER] = str(os.getpid())
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def how_to_go_on(run: str) -> str:
    """Return the sentence that says how to resume a training.

    Args:
        run: The run folder.
    """
    return f"To go on with a training, type its command again with --resume {shlex.quote(run)}"


def end_at_once(text: str) -> NoReturn:
    """Say why this process ends, and end it, whatever its main thread waits for.

    Args:
        text: What is said.
    """
    try:
        sys.stderr.write(printable_lines(text))
        sys.stderr.flush()
    finally:
        # Also where nobody can hear it: standard error is closed, or who read it is gone as well.
        os._exit(1)


def _end_with(starter: int) -> NoReturn:
    parent = os.getppid()
    # Where it was gone before, this process has got another parent already.
    while os.getppid() == parent and _is_there(starter):
        time.sleep(_PAUSE)
    time.sleep(_PATIENCE)
    go_on = how_to_go_on(os.environ[RUN_FOLDER]) if RUN_FOLDER in os.environ else ""
    text = f"\nm3net: the process that started this one is gone, so that it ends too. {go_on}"
    end_at_once(f"{text.rstrip()}\n")


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is there, as another user's
        return True
    return not _is_zombie(process)


def _is_zombie(process: int) -> bool:
    """Return whether a process has ended but waits to be reaped; False if unknown."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    # The name before may hold any letters.
    return status.rpartition(")")[2].split()[0] == "Z"
