"""Lightning's trainer with one more command, and the precision that suits the machine."""

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
        # A development run writes no checkpoint, and its few weights are still in memory.
        best = None if getattr(self, "fast_dev_run", False) else self._best_checkpoint()
        self.test(model, datamodule=datamodule, ckpt_path=best, verbose=False)

    def _best_checkpoint(self) -> str:
        """Return the best checkpoint; Lightning's "best" warns if several callbacks keep files."""
        keeper = self.checkpoint_callback
        path = keeper.best_model_path if isinstance(keeper, ModelCheckpoint) else ""
        return path or "best"


def take_over_checkpoints(trainer: L.Trainer) -> None:
    """Let no checkpoint be half written, and leave last.ckpt to `LastCheckpoint`.

    Args:
        trainer: Is changed.
    """
    keepers = [own for own in trainer.checkpoint_callbacks if isinstance(own, ModelCheckpoint)]
    for keeper in keepers:
        # It would be written only where there are new best weights.
        keeper.save_last = False
    if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
        folders = [Path(keeper.dirpath) for keeper in keepers if keeper.dirpath is not None]
        trainer.strategy.checkpoint_io = WholeCheckpointIO(folders)


def best_precision() -> str:
    """Return "bf16-mixed" if the hardware multiplies bfloat16 faster than float32.

    On CPUs the flag avx512_bf16 alone does not tell: it doubles the speed on AMD's processors and
    lowers it on Intel's, which are fast with amx_bf16.
    """
    if torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        file = Path("/proc/cpuinfo")
        about = file.read_text(encoding="utf-8") if file.is_file() else ""
        fast = "amx_bf16" in about or ("AuthenticAMD" in about and "avx512_bf16" in about)
    return "bf16-mixed" if fast else "32-true"
