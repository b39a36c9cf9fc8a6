"""After a training: its best and last scores in one small file."""

import json
import math
import time
from pathlib import Path
from typing import Any

import lightning as L

from m3net.runs import is_first_process


class TrainingSummary(L.Callback):
    """Writes metrics.json: scores of the best and the last epoch, and how long it all took."""

    def __init__(self, folder: Path, monitor: str = "val/map_all") -> None:
        """Say where to write and what "best" means.

        Args:
            folder: The run folder.
            monitor: The score whose highest value is best.
        """
        self.folder, self.monitor = folder, monitor
        self._start = time.monotonic()
        self._best: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock.

        Args:
            trainer: Not used.
            pl_module: Not used.
        """
        del trainer, pl_module
        self._start = time.monotonic()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note an epoch's scores, but not those of a sanity check.

        Args:
            trainer: Holds the scores.
            pl_module: Not used.
        """
        del pl_module
        if self.monitor in trainer.callback_metrics and not trainer.sanity_checking:
            self._last = {"epoch": trainer.current_epoch} | {
                name: value.item() for name, value in trainer.callback_metrics.items()
            }
            if self._last[self.monitor] > self._best.get(self.monitor, float("-inf")):
                self._best = self._last

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the file.

        Args:
            trainer: Not used.
            pl_module: Not used.
        """
        del trainer, pl_module
        if is_first_process() and self._last:
            seconds = round(time.monotonic() - self._start, 1)
            best, last = _plain(self._best), _plain(self._last)
            content: dict[str, Any] = {"seconds": seconds, "best": best, "last": last}
            text = json.dumps(content, indent=2)
            (self.folder / "metrics.json").write_text(text + "\n", encoding="utf-8")


def _plain(scores: dict[str, float]) -> dict[str, float | None]:
    """JSON knows no NaN, which an attribute without queries has for a score."""
    return {name: None if math.isnan(value) else value for name, value in scores.items()}
