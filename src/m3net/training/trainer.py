"""Lightning's trainer with a command that trains and tests, and a default precision."""

from pathlib import Path

import lightning as L
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.callbacks import ModelCheckpoint

from m3net.experiments.checkpoint_io import WholeCheckpointIO


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
        # A development run writes no checkpoint; its weights are still in memory.
        best = None if getattr(self, "fast_dev_run", False) else self._best_checkpoint()
        self.test(model, datamodule=datamodule, ckpt_path=best, verbose=False)

    def _best_checkpoint(self) -> str:
        """Return the best checkpoint; Lightning's "best" warns if several callbacks keep files."""
        callback = self.checkpoint_callback
        path = callback.best_model_path if isinstance(callback, ModelCheckpoint) else ""
        return path or "best"


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
