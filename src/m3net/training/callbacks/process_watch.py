"""If one of several processes dies, all end at once, and the first one says why."""

import signal
import threading
import time
from pathlib import Path
from subprocess import Popen
from typing import NoReturn

import lightning as L
from typing_extensions import override

from m3net.base.process_tree import end_at_once, how_to_resume
from m3net.errors import M3NetError
from m3net.training.lightning_internals import Launcher, take_over_processes

_POLL_SECONDS = 0.1
_EXCEPTION_SECONDS = 5.0
"""A collective that fails since another process died is noticed within this time."""
_GRACE_SECONDS = 4.0
"""The first process may end by itself after an error that all raised."""


class ProcessWatch(L.Callback):
    """Watches the processes that the first process starts.

    A process whose peer was killed would wait for it, for minutes on a GPU. A cluster watches the
    processes that it started itself.
    """

    def __init__(self, folder: Path) -> None:
        """Keep the run folder, from which to resume."""
        self._folder = folder

    def start(self, trainer: L.Trainer) -> None:
        """Watch the processes that a trainer will start; they may die while they start."""
        if trainer.world_size > 1:
            launcher = trainer.strategy.launcher
            threading.Thread(target=self._watch, args=(launcher,), daemon=True).start()

    @override
    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Wait until it is known whether a collective failed because another process died."""
        unexpected = isinstance(exception, Exception) and not isinstance(exception, M3NetError)
        if trainer.world_size > 1 and unexpected:
            time.sleep(_EXCEPTION_SECONDS)

    def _watch(self, launcher: Launcher) -> None:
        others = take_over_processes(launcher)
        while True:
            time.sleep(_POLL_SECONDS)
            for rank, process in enumerate(others, start=1):
                code = process.poll()
                if not code:
                    continue
                if code > 0:
                    how = f"has failed, exit code {code}"
                    time.sleep(_GRACE_SECONDS)
                else:
                    how = f"was ended by {signal.Signals(-code).name}"
                self._end(f"process {rank} of {len(others) + 1} {how}", others)

    def _end(self, why: str, others: list[Popen[bytes]]) -> NoReturn:
        for process in others:
            process.kill()
        resume = how_to_resume(str(self._folder))
        end_at_once(f"\nm3net: {why}, so all others end. {resume}\n")
