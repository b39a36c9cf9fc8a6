"""Where one of several processes dies, all end at once, and one of them says why."""

import os
import shlex
import signal
import sys
import threading
import time
from pathlib import Path
from subprocess import Popen
from typing import NoReturn

import lightning as L

from m3net.errors import M3NetError
from m3net.runs import started_by_another

_PAUSE = 0.2
_PATIENCE = 5.0
"""Seconds in which a failed exchange proves to be the death of another process."""


class ProcessWatch(L.Callback):
    """Watches the processes that the first one has started, and these watch the first one.

    A process whose partner was killed would wait for it, for minutes on a GPU. Processes that a
    cluster has started are the cluster's to watch.
    """

    def __init__(self, folder: Path) -> None:
        """Say what goes on later.

        Args:
            folder: The run folder.
        """
        self._folder = folder
        self._others: list[Popen[bytes]] = []
        self._parent: int | None = None
        self._thread: threading.Thread | None = None

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Start to watch.

        Args:
            trainer: Knows the processes.
            pl_module: Not used.
            stage: Not used.
        """
        del pl_module, stage
        if trainer.world_size == 1 or self._thread is not None:
            return
        self._others = list(getattr(trainer.strategy.launcher, "procs", []))
        self._parent = os.getppid() if started_by_another() else None
        if self._others or self._parent is not None:
            self._thread = threading.Thread(target=self._watch, name="process-watch", daemon=True)
            self._thread.start()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Wait until it is known whether an exchange failed since another process has died.

        Args:
            trainer: Not used.
            pl_module: Not used.
            exception: What ends this process.
        """
        del trainer, pl_module
        unexpected = isinstance(exception, Exception) and not isinstance(exception, M3NetError)
        if self._thread is not None and unexpected:
            time.sleep(_PATIENCE)

    def _watch(self) -> None:
        while True:
            time.sleep(_PAUSE)
            if self._parent is not None and os.getppid() != self._parent:
                self._end("the first process has died")
            for rank, process in enumerate(self._others, start=1):
                code = process.poll()
                if code is not None and code < 0:
                    name = signal.Signals(-code).name
                    self._end(f"process {rank} of {len(self._others) + 1} was ended by {name}")

    def _end(self, why: str) -> NoReturn:
        for process in self._others:
            process.kill()
        go_on = f"To go on, type the command again with --resume {shlex.quote(str(self._folder))}"
        sys.stderr.write(f"\nm3net: {why}, so that all others end. {go_on}\n")
        sys.stderr.flush()
        os._exit(1)
