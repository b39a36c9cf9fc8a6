"""Where one of several processes dies, all end at once, and one of them says why."""

import signal
import threading
import time
from pathlib import Path
from subprocess import Popen
from typing import NoReturn, Protocol

import lightning as L

from m3net.base.process_tree import end_at_once, how_to_go_on
from m3net.errors import M3NetError

_PAUSE = 0.1
_PATIENCE = 5.0
"""Seconds in which a failed exchange proves to be the end of another process."""
_GRACE = 4.0
"""Seconds in which the first process may end by itself, as after an error that all have met."""
_OBSERVER = "child-process-observer"
"""Lightning's thread that watches as well, and kills all without a word."""


class _Launcher(Protocol):
    """What of Lightning's launchers is used here."""

    procs: list[Popen[bytes]]


class ProcessWatch(L.Callback):
    """Watches the processes that the first one starts, which themselves end with that.

    A process whose partner was killed would wait for it, for minutes on a GPU. Processes that a
    cluster has started are the cluster's to watch.
    """

    def __init__(self, folder: Path) -> None:
        """Say what goes on later.

        Args:
            folder: The run folder.
        """
        self._folder = folder

    def start(self, trainer: L.Trainer) -> None:
        """Start to watch, before there are other processes: they may die while they start.

        Args:
            trainer: Starts them.
        """
        if trainer.world_size > 1:
            others = (trainer.strategy.launcher,)
            threading.Thread(target=self._watch, args=others, daemon=True).start()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Wait until it is known whether an exchange failed since another process has died.

        Args:
            trainer: Knows whether there are others.
            pl_module: Not used.
            exception: What ends this process.
        """
        del pl_module
        unexpected = isinstance(exception, Exception) and not isinstance(exception, M3NetError)
        if trainer.world_size > 1 and unexpected:
            time.sleep(_PATIENCE)

    def _watch(self, launcher: _Launcher) -> None:
        others = _take_over(launcher)
        while True:
            time.sleep(_PAUSE)
            for rank, process in enumerate(others, start=1):
                code = process.poll()
                if not code:
                    continue
                if code > 0:
                    how = f"has failed, exit code {code}"
                    time.sleep(_GRACE)
                else:
                    how = f"was ended by {signal.Signals(-code).name}"
                self._end(f"process {rank} of {len(others) + 1} {how}", others)

    def _end(self, why: str, others: list[Popen[bytes]]) -> NoReturn:
        for process in others:
            process.kill()
        go_on = how_to_go_on(str(self._folder))
        end_at_once(f"\nm3net: {why}, so that all others end. {go_on}\n")


def _take_over(launcher: _Launcher) -> list[Popen[bytes]]:
    """Give the processes that a launcher has started, once it has, and let Lightning not watch."""
    while not any(thread.name == _OBSERVER for thread in threading.enumerate()):
        time.sleep(_PAUSE)
    watched = launcher.procs
    others = launcher.procs = [*watched]
    # With none left Lightning's thread ends.
    watched.clear()
    return others
