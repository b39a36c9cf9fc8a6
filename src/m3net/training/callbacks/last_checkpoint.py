"""checkpoints/last.ckpt: the state from which a training resumes."""

import os
import signal
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.trainer.states import TrainerFn
from typing_extensions import override

from m3net.base.files import writing
from m3net.base.process_tree import is_first_process
from m3net.base.signals import StopRequest
from m3net.experiments.checkpoints import PROGRESS
from m3net.experiments.run import Run
from m3net.training.lightning_internals import (
    begin_next_epoch,
    give_back_batch,
    is_at_epoch_end,
)


class LastCheckpoint(Checkpoint):
    """Writes last.ckpt after each epoch, every few steps if wanted, and when a signal asks to stop.

    The file before it stays as previous.ckpt until the training ends. As a `Checkpoint` this runs
    after all other callbacks, so that their state is that of the epoch's end.

    `ModelCheckpoint(save_on_exception=True)` is no substitute: it saves in the middle of a step,
    from where a training cannot resume exactly. Here the step is finished first.
    """

    def __init__(self, run: Run, every: int | None, request: StopRequest, resumed: bool) -> None:
        """Set when to save.

        Args:
            run: The run folder.
            every: Steps within an epoch after which to save; None saves at its end only.
            request: Knows whether a signal waits.
            resumed: Whether the training resumes in its folder.
        """
        self.file, self.previous = run.checkpoint("last"), run.checkpoint("previous")
        self._every, self._request, self._resumed = every, request, resumed
        self._saved = self._skip = 0
        self._validated = False

    @override
    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the progress, if the training can resume from this checkpoint."""
        loops = checkpoint["loops"]["fit_loop"]
        if is_at_epoch_end(loops):
            ended = trainer.should_stop and not 0 < trainer.max_steps <= trainer.global_step
            checkpoint[PROGRESS] = {"batches": 0, "stopped": ended}
        elif (done := give_back_batch(loops)) is not None:
            checkpoint[PROGRESS] = {"batches": done, "stopped": False}

    @override
    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Restore the progress."""
        if trainer.state.fn == TrainerFn.FITTING:
            progress = checkpoint.get(PROGRESS, {})
            if progress.get("batches") == 0:
                limits_steps = trainer.max_steps != -1
                begin_next_epoch(checkpoint["loops"]["fit_loop"], limits_steps=limits_steps)
            self._skip, self._saved = progress.get("batches", 0), checkpoint["global_step"]
            if self._resumed:
                trainer.should_stop = progress.get("stopped", False)

    @override
    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Skip the batches that an interrupted epoch has already seen."""
        if self._skip:
            loader: Any = trainer.train_dataloader
            loader.sampler.skip = self._skip
        self._request.listen()
        self._request.patient = True

    @override
    def on_train_batch_start(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save within an epoch when due; by now the last step is logged completely."""
        stop = self._asked_to_stop(trainer)
        due = self._every is not None and trainer.global_step - self._saved >= self._every
        # Accumulated gradients are not saved, and Lightning would repeat a validation just done.
        whole = batch_idx % trainer.accumulate_grad_batches == 0 and not self._validated
        if whole and batch_idx and (due or stop):
            self._save(trainer)
        if stop and whole:
            self._request.follow()

    @override
    def on_train_batch_end(self, *_: object) -> None:
        """Remember that a step followed the last validation."""
        self._validated = False

    @override
    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Remember that no step followed yet."""
        self._validated = True

    @override
    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save the epoch."""
        self._validated = False
        if not getattr(trainer, "fast_dev_run", False):
            self._save(trainer)
        if self._asked_to_stop(trainer):
            self._request.follow()

    @override
    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Remove the spare checkpoint."""
        self._request.patient = False
        if is_first_process():
            self.previous.unlink(missing_ok=True)
        self._request.follow()

    @override
    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the signals from Lightning, which would not stop a test."""
        self._request.listen()

    def _asked_to_stop(self, trainer: L.Trainer) -> bool:
        """Return whether any process got a signal; all stop at the same step."""
        signum = self._request.signum
        if trainer.strategy.reduce_boolean_decision(bool(signum), all=False):
            # SIGTERM stands for the signal of another process.
            self._request.signum = signum or signal.SIGTERM
        return bool(self._request.signum)

    def _save(self, trainer: L.Trainer) -> None:
        # A resumed training does not log again the steps before its checkpoint.
        for logger in trainer.loggers:
            logger.save()
        if is_first_process():
            _keep(self.file, self.previous)
        trainer.save_checkpoint(self.file, weights_only=False)
        self._saved = trainer.global_step


def _keep(file: Path, previous: Path) -> None:
    """Keep a file that will be replaced, under another name."""
    if not file.exists() or (previous.exists() and file.samefile(previous)):
        return
    with writing(previous):
        part = previous.with_name(f".{previous.name}.part")
        part.unlink(missing_ok=True)
        try:
            os.link(file.resolve(), part)
            part.replace(previous)
        except OSError:  # not every file system has links
            file.replace(previous)
