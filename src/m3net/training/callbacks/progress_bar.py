"""Progress: one bar and the last validation on a terminal, a line per validation in a log."""

import time

import lightning as L
from lightning.pytorch.callbacks import ProgressBar
from typing_extensions import override

from m3net.reports.display import Display, Stopwatch
from m3net.reports.validation_table import Validations
from m3net.training.task import M3NetTask

_SECONDS = 0.5
"""Between two readings of the loss: each waits for the GPU."""


class RunProgress(ProgressBar):
    """Shows how far a command is; on a terminal in place, so that nothing scrolls.

    Lightning's `RichProgressBar` starts a bar for each epoch and each validation, and writes
    nothing into a log.
    """

    def __init__(self) -> None:
        """Show nothing yet."""
        super().__init__()
        self._display = Display()
        self._enabled = True
        self._whole, self._epoch = Stopwatch(), Stopwatch()
        self._steps_before, self._last_update = 0, 0.0

    @override
    def disable(self) -> None:
        """Show nothing, as in all processes but the first."""
        self._enabled = False

    @override
    def enable(self) -> None:
        """Show again."""
        self._enabled = True

    @override
    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Open the bar of the whole training."""
        validations = None
        if isinstance(pl_module, M3NetTask):
            k = pl_module.val_metrics.config.cutoffs[-1]
            validations = Validations(["map_all", f"map_{k}", f"recall_{k}"])
        self._whole = Stopwatch()
        total = trainer.estimated_stepping_batches
        self._open("training", total, trainer.global_step, validations)

    @override
    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Name the epoch."""
        self._epoch, self._steps_before = Stopwatch(), trainer.global_step
        self._display.move(what=_epoch(trainer))

    @override
    def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
        """Move the bar, and update the loss and the speed every half second."""
        if self._display.is_open:
            self._display.move(trainer.global_step)
            if time.monotonic() - self._last_update > _SECONDS:
                self._update_facts(trainer)

    @override
    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Open a bar, or show that the training validates."""
        self._epoch.pause()
        if trainer.state.fn == "validate":
            self._open("validating", sum(trainer.num_val_batches))
        else:
            self._display.move(what=f"{_epoch(trainer)}, validating")

    @override
    def on_validation_batch_end(self, trainer: L.Trainer, *_: object, **__: object) -> None:
        """Move the bar of a validation outside of a training."""
        if trainer.state.fn == "validate":
            self._display.move()

    @override
    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the scores of a validation."""
        if trainer.state.fn == "validate":
            self._display.close()
        elif self._display.validations is not None and not trainer.sanity_checking:
            self._add(trainer, self._display.validations)
        self._display.move(what=_epoch(trainer))
        self._epoch.resume()

    @override
    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Close the bar, and print one line."""
        self._display.close()
        if self._enabled:
            validations, minutes = self._display.validations, self._whole.seconds / 60
            scored = [validations.headline()] if validations and validations.scores else []
            self._display.say(f"{trainer.global_step} steps in {minutes:.1f} min", *scored)

    @override
    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Open the bar of a test."""
        self._open("testing", sum(trainer.num_test_batches))

    @override
    def on_test_batch_end(self, *_: object, **__: object) -> None:
        """Move the bar."""
        self._display.move()

    @override
    def on_predict_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Open the bar of a prediction."""
        self._open("predicting", sum(trainer.num_predict_batches))

    @override
    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Close the bar."""
        self._display.close()

    on_predict_batch_end, on_predict_end = on_test_batch_end, on_test_end

    @override
    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Close the bar before the error is printed."""
        self._display.close()

    def _open(
        self, what: str, total: float, done: int = 0, validations: Validations | None = None
    ) -> None:
        if self._enabled:
            self._display.open(what, total, done, validations)

    def _update_facts(self, trainer: L.Trainer) -> None:
        """Update the loss and the speed."""
        self._last_update = time.monotonic()
        loss = trainer.callback_metrics.get("train/loss")
        if loss is not None:
            self._display.facts["loss"] = f"loss {loss.item():.3f}"
        steps = trainer.global_step - self._steps_before
        batch_size = getattr(trainer.train_dataloader, "batch_size", None)
        if batch_size and steps and self._epoch.seconds > 0:
            images = steps * trainer.accumulate_grad_batches * batch_size * trainer.world_size
            self._display.facts["speed"] = f"{images / self._epoch.seconds:.0f} images/s"

    def _add(self, trainer: L.Trainer, validations: Validations) -> None:
        """Add a validation; without a bar, print a line about it."""
        scores = {
            name.removeprefix("val/"): value.item()
            for name, value in trainer.callback_metrics.items()
            if name.startswith("val/")
        }
        validations.add(trainer.current_epoch + 1, scores)
        self._update_facts(trainer)
        facts = self._display.facts
        facts["scores"] = validations.headline()
        if not self._display.is_open:
            step = f"step {trainer.global_step}"
            minutes = f"{self._whole.seconds / 60:.1f} min"
            self._display.say(_epoch(trainer), step, *facts.values(), minutes)


def _epoch(trainer: L.Trainer) -> str:
    """Return the number of the epoch, and of all epochs if known."""
    total = trainer.max_epochs
    return f"epoch {trainer.current_epoch + 1}" + (f"/{total}" if total and total > 0 else "")
