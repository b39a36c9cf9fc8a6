"""metrics.json: best and last scores, costs and provenance of a training."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import torch
from typing_extensions import override

from m3net.base.files import write_text
from m3net.base.process_tree import is_first_process
from m3net.experiments.provenance import origin
from m3net.experiments.run import Run

WARM_UP = 10
"""First steps, in which workers and kernels start; the speed ignores them if there are twice as
many."""


class TrainingSummary(L.Callback):
    """Writes metrics.json.

    * seconds: of the whole fit, validations included.
    * steps, images: of the optimizer, and the images in them, over all processes.
    * skipped_steps: those whose loss or gradient was not finite, by the policy "skip".
    * images_per_second: of training steps with their loading, without validations.
    * parameters: number of trained parameters, of the network and of the losses.
    * best, last: scores of these epochs; null without a validation.
    * commit, device, versions: see `origin`.

    Lightning's `ThroughputMonitor` waits for the GPU at each step, and forgets the past when a
    training resumes.
    """

    def __init__(
        self,
        folder: Path,
        monitor: str = "val/map_all",
        count_skipped: Callable[[], int] = lambda: 0,
    ) -> None:
        """Start the clocks.

        Args:
            folder: The run folder.
            monitor: The score whose highest value is best.
            count_skipped: Returns how many steps were skipped.
        """
        self.run, self.monitor, self._count_skipped = Run(folder), monitor, count_skipped
        self._start = self._clock = time.monotonic()
        self._durations: list[float] = []
        self._before, self._past = 0, 0.0
        self._best: dict[str, float] = {}
        self._last: dict[str, float] = {}

    @override
    def state_dict(self) -> dict[str, Any]:
        """Return the durations and scores so far."""
        return {
            "seconds": time.monotonic() - self._start,
            "durations": torch.tensor(self._durations, dtype=torch.float64),
            "before": self._before,
            "best": self._best,
            "last": self._last,
        }

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore them."""
        self._past, self._before = state_dict["seconds"], state_dict["before"]
        self._durations = state_dict["durations"].tolist()
        self._best, self._last = state_dict["best"], state_dict["last"]

    @override
    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock of the whole training."""
        self._start = time.monotonic() - self._past

    @override
    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock of a step, also if the training resumes within an epoch."""
        self._clock = time.monotonic()

    @override
    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock of the first step."""
        self._clock, self._before = time.monotonic(), len(self._durations)

    @override
    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *_: object
    ) -> None:
        """Add the time of a batch, loading included."""
        if pl_module.device.type == "cuda" and (trainer.is_last_batch or trainer.should_stop):
            # Otherwise the time of queued kernels would count as validation.
            torch.cuda.synchronize(pl_module.device)
        now = time.monotonic()
        self._durations.append(now - self._clock)
        self._clock = now

    @override
    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep the scores of an epoch, but not of a sanity check."""
        if self.monitor in trainer.callback_metrics and not trainer.sanity_checking:
            self._last = {"epoch": trainer.current_epoch} | {
                name: value.item()
                for name, value in trainer.callback_metrics.items()
                if name.startswith(("train/", "val/"))
            }
            if self._last[self.monitor] > self._best.get(self.monitor, float("-inf")):
                self._best = self._last
        self._clock = time.monotonic()

    @override
    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log the speed of an epoch without validation."""
        self._log_speed(trainer)

    @override
    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log the speed before the epoch is saved, so that a resumed training has it."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking and trainer.is_last_batch:
            self._log_speed(trainer)

    def _log_speed(self, trainer: L.Trainer) -> None:
        """Log the speed of the epoch, once."""
        epoch, self._before = self._durations[self._before :], len(self._durations)
        if trainer.train_dataloader is not None and epoch:
            speed = _images_per_batch(trainer, trainer.train_dataloader) * steps_per_second(epoch)
            for logger in trainer.loggers:
                logger.log_metrics({"speed/images_per_second": speed}, step=trainer.global_step - 1)

    @override
    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write metrics.json."""
        if not is_first_process() or trainer.train_dataloader is None:
            return
        per_batch = _images_per_batch(trainer, trainer.train_dataloader)
        content: dict[str, Any] = {
            "seconds": round(time.monotonic() - self._start, 1),
            "steps": trainer.global_step,
            "skipped_steps": self._count_skipped(),
            "images": per_batch * len(self._durations),
            "images_per_second": round(per_batch * steps_per_second(self._durations), 2),
            "parameters": sum(p.numel() for p in pl_module.parameters() if p.requires_grad),
            "best": _plain(self._best),
            "last": _plain(self._last),
        }
        text = json.dumps(content | origin(pl_module.device), indent=2)
        write_text(self.run.summary, f"{text}\n")


def steps_per_second(durations: list[float]) -> float:
    """Return the speed, without the first `WARM_UP` steps if there are twice as many.

    Example:
        >>> steps_per_second([3.0, 0.5, 0.5])
        0.75
        >>> steps_per_second([3.0] * 10 + [0.5] * 10)
        2.0
    """
    timed = durations[WARM_UP:] if len(durations) >= 2 * WARM_UP else durations
    return len(timed) / max(sum(timed), 1e-9)


def _images_per_batch(trainer: L.Trainer, loader: Any) -> int:  # noqa: ANN401 - any loader
    """Return the number over all processes."""
    return int(loader.batch_size * trainer.world_size)


def _plain(scores: dict[str, float]) -> dict[str, float | None] | None:
    """Replace NaN, the score of an attribute without queries, by None: JSON has no NaN."""
    named = {name: None if math.isnan(value) else value for name, value in scores.items()}
    return named or None
