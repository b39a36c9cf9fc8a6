"""After a training: its best and last scores, its speed and its origin in one small file."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import torch

from m3net.base.files import write_text
from m3net.base.process_tree import is_first_process
from m3net.experiments.provenance import origin
from m3net.experiments.run import Run

WARM_UP = 10
"""Steps that the speed leaves out, where there are twice as many: workers and kernels start."""


class TrainingSummary(L.Callback):
    """Writes metrics.json.

    * seconds: of the whole fit, validations included.
    * steps, images: of the optimizer, and what they saw, over all processes.
    * skipped_steps: those among them that moved nothing, since a loss was no number.
    * images_per_second: of training steps with their loading, without validations.
    * parameters: those that are trained, of the network and of the losses.
    * best, last: scores of these epochs; null without a validation.
    * commit, device, versions: see `origin`.
    """

    def __init__(
        self,
        folder: Path,
        monitor: str = "val/map_all",
        count_skipped: Callable[[], int] = lambda: 0,
    ) -> None:
        """Say where to write and what "best" means.

        Args:
            folder: The run folder.
            monitor: The score whose highest value is best.
            count_skipped: Tells at the end how many steps were left out.
        """
        self.folder, self.monitor, self._count_skipped = folder, monitor, count_skipped
        self._start = self._clock = time.monotonic()
        self._durations: list[float] = []
        self._before, self._past = 0, 0.0
        self._best: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def state_dict(self) -> dict[str, Any]:
        """Give what a training that goes on has to know of its past."""
        return {
            "seconds": time.monotonic() - self._start,
            "durations": torch.tensor(self._durations, dtype=torch.float64),
            "before": self._before,
            "best": self._best,
            "last": self._last,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the past.

        Args:
            state_dict: As `state_dict` gives it.
        """
        self._past, self._before = state_dict["seconds"], state_dict["before"]
        self._durations = state_dict["durations"].tolist()
        self._best, self._last = state_dict["best"], state_dict["last"]

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock.

        Args:
            trainer: Not used.
            pl_module: Not used.
        """
        del trainer, pl_module
        self._start = time.monotonic() - self._past

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock of the first step of a training that goes on within an epoch.

        Args:
            trainer: Not used.
            pl_module: Not used.
        """
        del trainer, pl_module
        self._clock = time.monotonic()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock of the first step.

        Args:
            trainer: Not used.
            pl_module: Not used.
        """
        del trainer, pl_module
        self._clock, self._before = time.monotonic(), len(self._durations)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Take a batch's time, that of loading it included."""
        del outputs, batch, batch_idx
        if pl_module.device.type == "cuda" and (trainer.is_last_batch or trainer.should_stop):
            # Kernels that are still queued would be counted as validation.
            torch.cuda.synchronize(pl_module.device)
        now = time.monotonic()
        self._durations.append(now - self._clock)
        self._clock = now

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note an epoch's scores, but not those of a sanity check.

        Args:
            trainer: Holds the scores.
            pl_module: Not used.
        """
        del pl_module
        if self.monitor in trainer.callback_metrics and not trainer.sanity_checking:
            self._last = {"epoch": trainer.current_epoch} | {
                name: value.item()
                for name, value in trainer.callback_metrics.items()
                if name.startswith(("train/", "val/"))
            }
            if self._last[self.monitor] > self._best.get(self.monitor, float("-inf")):
                self._best = self._last
        self._clock = time.monotonic()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log the speed of the epoch, where no validation came after it.

        Args:
            trainer: Knows the loader and the loggers.
            pl_module: Not used.
        """
        del pl_module
        self._log_speed(trainer)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log the speed of an epoch before its weights are kept: what goes on from them has it.

        Args:
            trainer: Knows whether the epoch is over.
            pl_module: Not used.
        """
        del pl_module
        if trainer.state.fn == "fit" and not trainer.sanity_checking and trainer.is_last_batch:
            self._log_speed(trainer)

    def _log_speed(self, trainer: L.Trainer) -> None:
        """Log the speed of the steps since the epoch began, once."""
        epoch, self._before = self._durations[self._before :], len(self._durations)
        if trainer.train_dataloader is not None and epoch:
            speed = _images_per_batch(trainer, trainer.train_dataloader) * steps_per_second(epoch)
            for logger in trainer.loggers:
                logger.log_metrics({"speed/images_per_second": speed}, step=trainer.global_step - 1)

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the file.

        Args:
            trainer: Knows the steps and the loader.
            pl_module: Knows its parameters and its device.
        """
        if not is_first_process() or trainer.train_dataloader is None:
            return
        per_batch = _images_per_batch(trainer, trainer.train_dataloader)
        trained = [p.numel() for p in pl_module.parameters() if p.requires_grad]
        content: dict[str, Any] = {
            "seconds": round(time.monotonic() - self._start, 1),
            "steps": trainer.global_step,
            "skipped_steps": self._count_skipped(),
            "images": per_batch * len(self._durations),
            "images_per_second": round(per_batch * steps_per_second(self._durations), 2),
            "parameters": sum(trained),
            "best": _plain(self._best),
            "last": _plain(self._last),
        }
        text = json.dumps(content | origin(pl_module.device), indent=2)
        write_text(Run(self.folder).summary, text + "\n")


def steps_per_second(durations: list[float]) -> float:
    """Give the speed without the first `WARM_UP` steps, where there are twice as many.

    Example:
        >>> steps_per_second([3.0, 0.5, 0.5])
        0.75
        >>> steps_per_second([3.0] * 10 + [0.5] * 10)
        2.0
    """
    timed = durations[WARM_UP:] if len(durations) >= 2 * WARM_UP else durations
    return len(timed) / max(sum(timed), 1e-9)


def _images_per_batch(trainer: L.Trainer, loader: Any) -> int:  # noqa: ANN401 - any loader
    """Count those of all processes."""
    return int(loader.batch_size * trainer.world_size)


def _plain(scores: dict[str, float]) -> dict[str, float | None] | None:
    """JSON knows no NaN, which an attribute without queries has for a score."""
    named = {name: None if math.isnan(value) else value for name, value in scores.items()}
    return named or None
