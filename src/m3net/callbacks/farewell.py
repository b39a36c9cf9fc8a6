"""The last words of a command: where everything lies and what to type next."""

from pathlib import Path

import lightning as L
from lightning.pytorch.utilities import rank_zero_only
from rich.console import Console
from rich.table import Table

_WRITTEN = {
    "config.yaml": "all settings",
    "metrics.csv": "training curves",
    "checkpoints/best.ckpt": "best weights",
    "validate/scores.csv": "validation table",
    "test/scores.csv": "test table",
    "test/gallery.png": "one query per attribute",
    "test/galleries": "best to worst queries",
    "test/attention.png": "where the network looks",
    "predict": "vectors and probabilities",
}


class Farewell(L.Callback):
    """Says what lies in the run folder and which command comes next."""

    def __init__(self, folder: Path, command: str) -> None:
        """Say what was run.

        Args:
            folder: The run folder.
            command: As "train".
        """
        self.folder = folder
        self.last = "test" if command == "train" else command

    def teardown(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Speak after the command's last stage, unless it failed.

        Args:
            trainer: Knows whether it failed.
            pl_module: Not used.
            stage: The stage that ends.
        """
        del pl_module
        if stage == self.last and not trainer.interrupted:
            self.say()

    @rank_zero_only
    def say(self) -> None:
        """Print what was written and what to type next."""
        table = Table.grid(padding=(0, 2))
        for name, meaning in _WRITTEN.items():
            if (self.folder / name).exists():
                table.add_row(f"  {meaning}", str(self.folder / name))
        following = {
            "fit": f"m3net test --ckpt_path {self.folder}",
            "validate": f"m3net test --ckpt_path {self.folder}",
            "test": f"m3net predict --ckpt_path {self.folder} --data.images FOLDER_OF_PHOTOS",
        }
        if self.last in following:
            table.add_row("  next", following[self.last])
        Console(soft_wrap=True).print(table)
