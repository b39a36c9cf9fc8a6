"""While it runs: one bar and the last validation on a terminal, a line per validation in a log."""

import time
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import ProgressBar

from m3net.reports.display import Display, Stopwatch
from m3net.reports.progress import Course
from m3net.training.task import M3NetTask

_PAUSE = 0.5
"""Seconds between two looks at the loss: on a GPU each one waits for the device."""


class RunProgress(ProgressBar):
    """Shows how far a command is; on a terminal in place, so that nothing scrolls by."""

    def __init__(self) -> None:
        """Show nothing yet."""
        super().__init__()
        self._display = Display()
        self._enabled = True
        self._whole, self._epoch = Stopwatch(), Stopwatch()
        self._steps_before, self._looked = 0, 0.0

    def disable(self) -> None:
        """Show nothing, as in all processes but the first."""
        self._enabled = False

    def enable(self) -> None:
        """Show again."""
        self._enabled = True

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the bar of the whole training.

        Args:
            trainer: Knows how many steps there are.
            pl_module: Knows what the scores of a validation are called.
        """
        course = None
        if isinstance(pl_module, M3NetTask):
            k = pl_module.val_metrics.config.cutoffs[-1]
            course = Course(["map_all", f"map_{k}", f"recall_{k}"])
        self._whole = Stopwatch()
        self._open("training", trainer.estimated_stepping_batches, trainer.global_step, course)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Name the epoch.

        Args:
            trainer: Knows its number.
            pl_module: Not used.
        """
        del pl_module
        self._epoch, self._steps_before = Stopwatch(), trainer.global_step
        self._display.move(what=_epoch(trainer))

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Move the bar; now and then renew the loss and the speed."""
        del pl_module, outputs, batch, batch_idx
        if self._display.is_open:
            self._display.move(trainer.global_step)
            if time.monotonic() - self._looked > _PAUSE:
                self._look(trainer)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Say that it validates.

        Args:
            trainer: Knows whether a training goes on around it.
            pl_module: Not used.
        """
        del pl_module
        self._epoch.pause()
        if trainer.state.fn == "validate":
            self._open("validating", sum(trainer.num_val_batches))
        else:
            self._display.move(what=f"{_epoch(trainer)}, validating")

    def on_validation_batch_end(self, trainer: L.Trainer, *_: object, **__: object) -> None:
        """Move the bar of a validation by itself."""
        if trainer.state.fn == "validate":
            self._display.move()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show what a validation gave.

        Args:
            trainer: Holds the scores.
            pl_module: Not used.
        """
        del pl_module
        if trainer.state.fn == "validate":
            self._display.close()
        elif self._display.course is not None and not trainer.sanity_checking:
            self._add(trainer, self._display.course)
        self._display.move(what=_epoch(trainer))
        self._epoch.go_on()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave one line of the training.

        Args:
            trainer: Knows how long it was.
            pl_module: Not used.
        """
        del pl_module
        self._display.close()
        if self._enabled:
            course, minutes = self._display.course, self._whole.seconds / 60
            scored = [course.headline()] if course is not None and course.scores else []
            self._display.say(f"{trainer.global_step} steps in {minutes:.1f} min", *scored)

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the bar of a test.

        Args:
            trainer: Knows how many batches there are.
            pl_module: Not used.
        """
        del pl_module
        self._open("testing", sum(trainer.num_test_batches))

    def on_test_batch_end(self, *_: object, **__: object) -> None:
        """Move the bar."""
        self._display.move()

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the bar away.

        Args:
            trainer: Not used.
            pl_module: Not used.
        """
        del trainer, pl_module
        self._display.close()

    def on_predict_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the bar of a prediction.

        Args:
            trainer: Knows how many batches there are.
            pl_module: Not used.
        """
        del pl_module
        self._open("predicting", sum(trainer.num_predict_batches))

    def on_predict_batch_end(self, *_: object, **__: object) -> None:
        """Move the bar."""
        self._display.move()

    def on_predict_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the bar away.

        Args:
            trainer: Not used.
            pl_module: Not used.
        """
        del trainer, pl_module
        self._display.close()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Take the bar away, so that the error stands by itself.

        Args:
            trainer: Not used.
            pl_module: Not used.
            exception: Not used.
        """
        del trainer, pl_module, exception
        self._display.close()

    def _open(self, what: str, total: float, done: int = 0, course: Course | None = None) -> None:
        if self._enabled:
            self._display.open(what, total, done, course)

    def _look(self, trainer: L.Trainer) -> None:
        """Renew the loss and the speed."""
        self._looked = time.monotonic()
        loss = trainer.callback_metrics.get("train/loss")
        if loss is not None:
            self._display.facts["loss"] = f"loss {loss.item():.3f}"
        steps = trainer.global_step - self._steps_before
        batch_size = getattr(trainer.train_dataloader, "batch_size", None)
        if batch_size and steps and self._epoch.seconds > 0:
            images = steps * trainer.accumulate_grad_batches * batch_size * trainer.world_size
            self._display.facts["speed"] = f"{images / self._epoch.seconds:.0f} images/s"

    def _add(self, trainer: L.Trainer, course: Course) -> None:
        """Take in a validation, and in a log say what it gave."""
        given = trainer.callback_metrics.items()
        scores = {name[4:]: value.item() for name, value in given if name.startswith("val/")}
        course.add(trainer.current_epoch + 1, scores)
        self._look(trainer)
        facts = self._display.facts
        facts["scores"] = course.headline()
        if not self._display.is_open:
            where = _epoch(trainer), f"step {trainer.global_step}"
            self._display.say(*where, *facts.values(), f"{self._whole.seconds / 60:.1f} min")


def _epoch(trainer: L.Trainer) -> str:
    """Say which epoch it is, and of how many where that is known."""
    total = trainer.max_epochs
    return f"epoch {trainer.current_epoch + 1}" + (f"/{total}" if total and total > 0 else "")
