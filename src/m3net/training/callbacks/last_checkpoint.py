"""checkpoints/last.ckpt: the state that a training goes on from."""

import os
import signal
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.trainer.states import TrainerFn

from m3net.base.files import writing
from m3net.base.process_tree import is_first_process
from m3net.base.signals import StopRequest
from m3net.experiments.checkpoints import PROGRESS
from m3net.experiments.run import Run

_BATCHES = "epoch_loop.batch_progress"


class LastCheckpoint(Checkpoint):
    """Writes last.ckpt after each epoch, each so many steps and where a signal asks to stop.

    The one before stays as previous.ckpt until the training ends. As a `Checkpoint` it comes after
    all other callbacks, so that their state is that of the epoch's end.
    """

    def __init__(self, run: Run, every: int | None, request: StopRequest, resumed: bool) -> None:
        """Say where and when.

        Args:
            run: Its folder.
            every: Steps within an epoch; None for its end alone.
            request: Says whether a signal waits.
            resumed: Whether a checkpoint that is loaded is one of this folder.
        """
        self.file, self.previous = run.checkpoint("last"), run.checkpoint("previous")
        self._every, self._request, self._resumed = every, request, resumed
        self._saved = self._skip = 0
        self._validated = False

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Say how far the training is, where it can go on from there.

        Args:
            trainer: Knows its loops.
            pl_module: Not used.
            checkpoint: Of any callback; not all are made where a training can go on.
        """
        del pl_module
        loops = checkpoint["loops"]["fit_loop"]
        epochs, batches = loops["epoch_progress"]["current"], loops[_BATCHES]
        if epochs["processed"] > epochs["completed"]:  # at an epoch's end
            ended = trainer.should_stop and not 0 < trainer.max_steps <= trainer.global_step
            checkpoint[PROGRESS] = {"batches": 0, "stopped": ended}
        elif batches["current"]["ready"] > batches["current"]["started"]:  # before a step
            # The batch that waits will be read again.
            for count in (batches["current"], batches["total"]):
                count["ready"] -= 1
            batches["is_last_batch"] = False
            checkpoint[PROGRESS] = {"batches": batches["current"]["ready"], "stopped": False}

    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take up where the training was.

        Args:
            trainer: Is told whether the training had been ended early.
            pl_module: Not used.
            checkpoint: Its contents.
        """
        del pl_module
        if trainer.state.fn == TrainerFn.FITTING:
            progress = checkpoint.get(PROGRESS, {})
            if progress.get("batches") == 0:
                _begin_next_epoch(checkpoint["loops"]["fit_loop"], trainer.max_steps != -1)
            self._skip, self._saved = progress.get("batches", 0), checkpoint["global_step"]
            if self._resumed:
                trainer.should_stop = progress.get("stopped", False)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave out the batches that an unfinished epoch has had.

        Args:
            trainer: Holds the loader.
            pl_module: Not used.
        """
        del pl_module
        if self._skip:
            loader: Any = trainer.train_dataloader
            loader.sampler.skip = self._skip
        self._request.listen()
        self._request.patient = True

    def on_train_batch_start(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        batch: Any,  # noqa: ANN401 - Lightning's signature
        batch_idx: int,
    ) -> None:
        """Save within an epoch, where it is time to; here all of the last step is logged.

        Args:
            trainer: Saves.
            pl_module: Not used.
            batch: Not used.
            batch_idx: Number of batches of the epoch that are done.
        """
        del pl_module, batch
        stop = self._asked_to_stop(trainer)
        due = self._every is not None and trainer.global_step - self._saved >= self._every
        # Gradients of half a step are not saved; and after a validation Lightning would repeat it.
        whole = batch_idx % trainer.accumulate_grad_batches == 0 and not self._validated
        if whole and batch_idx and (due or stop):
            self._save(trainer)
        if stop and whole:
            self._request.follow()

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Note that a step was taken since the last validation."""
        del trainer, pl_module, outputs, batch, batch_idx
        self._validated = False

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note that no step was taken since.

        Args:
            trainer: Not used.
            pl_module: Not used.
        """
        del trainer, pl_module
        self._validated = True

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save the epoch.

        Args:
            trainer: Saves.
            pl_module: Not used.
        """
        del pl_module
        self._validated = False
        if not getattr(trainer, "fast_dev_run", False):
            self._save(trainer)
        if self._asked_to_stop(trainer):
            self._request.follow()

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Remove the spare checkpoint.

        Args:
            trainer: Not used.
            pl_module: Not used.
        """
        del trainer, pl_module
        self._request.patient = False
        if is_first_process():
            self.previous.unlink(missing_ok=True)
        self._request.follow()

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep the signals from Lightning, which would not stop a test.

        Args:
            trainer: Not used.
            pl_module: Not used.
        """
        del trainer, pl_module
        self._request.listen()

    def _asked_to_stop(self, trainer: L.Trainer) -> bool:
        """Tell whether any process got a signal; all stop at the same step."""
        asked = self._request.signum
        if trainer.strategy.reduce_boolean_decision(bool(asked), all=False):
            # SIGTERM stands for what another process got.
            self._request.signum = asked or signal.SIGTERM
        return bool(self._request.signum)

    def _save(self, trainer: L.Trainer) -> None:
        # Rows of steps that the checkpoint holds would never be written again.
        for logger in trainer.loggers:
            logger.save()
        if is_first_process():
            _keep(self.file, self.previous)
        trainer.save_checkpoint(self.file, weights_only=False)
        self._saved = trainer.global_step


def _begin_next_epoch(loops: dict[str, Any], limits_steps: bool) -> None:
    """Let the state of an epoch's end, where Lightning has counted all but it, be that of the next.

    Args:
        loops: State of Lightning's loops; changed.
        limits_steps: Whether `max_steps` ends the training. Lightning then holds each start from a
            checkpoint for one within an epoch: it would end the epoch again, or, with no batch
            taken, count a step before the first one.
    """
    for count in loops["epoch_progress"].values():
        count["completed"] = count["processed"]
    if limits_steps:
        batches, validation = loops[_BATCHES], loops["epoch_loop.val_loop.batch_progress"]
        for count in (batches["current"], validation["current"], validation["total"]):
            count.update(dict.fromkeys(count, 0))
        batches["is_last_batch"] = validation["is_last_batch"] = False
        loops["epoch_loop.state_dict"]["_batches_that_stepped"] -= 1


def _keep(file: Path, previous: Path) -> None:
    """Let the file that will be replaced live on under another name."""
    if not file.exists() or (previous.exists() and file.samefile(previous)):
        return
    with writing(previous):
        part = previous.with_name(f".{previous.name}.part")
        part.unlink(missing_ok=True)
        try:
            os.link(file.resolve(), part)
            part.replace(previous)
        except OSError:  # not each file system has links
            file.replace(previous)
