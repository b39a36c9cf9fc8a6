"""Lightning's trainer with a command that trains and tests, and a default precision."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import lightning as L
import torch
from jsonargparse import Namespace
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.callbacks import BatchSizeFinder, LearningRateFinder, ModelCheckpoint

from m3net.errors import ConfigError
from m3net.experiments.checkpoint_io import WholeCheckpointIO

_log = logging.getLogger(__name__)
_PRECISIONS = frozenset(["None", "32", "32-true", "16", "16-mixed", "bf16", "bf16-mixed"])
"""Those that keep weights in float32."""


class M3NetTrainer(L.Trainer):
    """Lightning's trainer, with a command that trains and then tests."""

    def train(
        self,
        model: L.LightningModule,
        datamodule: L.LightningDataModule | None = None,
        ckpt_path: str | None = None,
    ) -> None:
        """Run the full optimization routine, then test the best checkpoint.

        Args:
            model: The task.
            datamodule: Its data.
            ckpt_path: A checkpoint to continue from.
        """
        self.fit(model, datamodule=datamodule, ckpt_path=ckpt_path)
        best = self._best_checkpoint()
        if best is None:
            _log.info("no validation chose a best checkpoint: the last weights are tested.")
        self.test(model, datamodule=datamodule, ckpt_path=best, verbose=False)

    def _best_checkpoint(self) -> str | None:
        """Return the best checkpoint; None if none was written, as in a run without validation."""
        callback = self.checkpoint_callback
        return (callback.best_model_path or None) if isinstance(callback, ModelCheckpoint) else None


def check_trainer(settings: Namespace, *, training: bool) -> None:
    """Refuse settings of the trainer with which a command cannot run.

    Raises:
        ConfigError: One cannot be used.
    """
    if str(settings.precision) not in _PRECISIONS:
        raise ConfigError(
            f"trainer.precision is {settings.precision}: losses and scores need float32 weights. "
            "Set it to 32-true, bf16-mixed or 16-mixed."
        )
    if settings.overfit_batches:
        raise ConfigError(
            "trainer.overfit_batches cannot be used, since batches are drawn by attribute: set "
            "trainer.limit_train_batches and trainer.limit_val_batches to some batches instead."
        )
    for name in ("max_epochs", "max_steps", "limit_train_batches"):
        if training and settings.get(name) == 0:
            raise ConfigError(f"trainer.{name} is 0, so nothing would be trained: raise it.")


def check_callbacks(callbacks: Sequence[L.Callback]) -> None:
    """Refuse Lightning's callbacks that look for settings where m3net has none.

    Raises:
        ConfigError: There is one.
    """
    for callback in callbacks:
        if isinstance(callback, LearningRateFinder | BatchSizeFinder):
            sought = "lr" if isinstance(callback, LearningRateFinder) else "batch_size"
            setting = {"lr": "model.optimizer.lr", "batch_size": "data.loading.batch_size"}[sought]
            raise ConfigError(
                f"{type(callback).__name__} cannot be used, since it changes a setting {sought!r} "
                f"of the model or the data: search {setting} by m3net sweep."
            )


@contextmanager
def building() -> Iterator[None]:
    """Raise a ConfigError for what Lightning's trainer raises if its settings do not fit.

    Raises:
        ConfigError: They do not.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        text = " ".join(str(error).split()).rstrip(".")
        raise ConfigError(f"the settings of trainer cannot be used: {text}.") from error


def take_over_checkpoints(trainer: L.Trainer) -> None:
    """Write a trainer's checkpoints by `WholeCheckpointIO`, and last.ckpt by `LastCheckpoint`."""
    callbacks = trainer.checkpoint_callbacks
    keepers = [callback for callback in callbacks if isinstance(callback, ModelCheckpoint)]
    for keeper in keepers:
        # Lightning would write last.ckpt only when there are new best weights.
        keeper.save_last = False
    if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
        folders = [Path(keeper.dirpath) for keeper in keepers if keeper.dirpath is not None]
        trainer.strategy.checkpoint_io = WholeCheckpointIO(folders)


def best_precision() -> str:
    """Return "bf16-mixed" if the hardware multiplies bfloat16 faster than float32.

    On CPUs the flag avx512_bf16 is not enough: it doubles the speed on AMD's processors but lowers
    it on Intel's, which are fast with amx_bf16.
    """
    if torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        file = Path("/proc/cpuinfo")
        cpu = file.read_text(encoding="utf-8") if file.is_file() else ""
        fast = "amx_bf16" in cpu or ("AuthenticAMD" in cpu and "avx512_bf16" in cpu)
    return "bf16-mixed" if fast else "32-true"
