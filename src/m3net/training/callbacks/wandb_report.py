"""What a run folder holds, for a run of Weights & Biases: settings, table and pictures."""

import json
from pathlib import Path

import lightning as L
from lightning.pytorch.loggers import WandbLogger

from m3net.base.process_tree import is_first_process
from m3net.boundary.plain_values import read_yaml
from m3net.training.callbacks.evaluation_report import report_folder
from m3net.training.task import M3NetTask


class WandbReport(L.Callback):
    """Sends what others have written to each W&B logger; without one it does nothing.

    Names are the files' own places in the run folder, as "test/scores" and "test/gallery".
    """

    def __init__(self, folder: Path) -> None:
        """Say what is sent.

        Args:
            folder: The run folder.
        """
        self.folder = folder

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Send all settings.

        Args:
            trainer: Holds the loggers.
            pl_module: Not used.
        """
        del pl_module
        for logger in _loggers(trainer):
            settings = read_yaml(self.folder / "config.yaml")
            logger.experiment.config.update(settings, allow_val_change=True)

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Send the report of a test.

        Args:
            trainer: Holds the loggers.
            pl_module: Knows its ranking.
        """
        self._send(trainer, pl_module, "test")

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Send the report of a validation that was asked for by itself.

        Args:
            trainer: Holds the loggers.
            pl_module: Knows its ranking.
        """
        if trainer.state.fn == "validate":
            self._send(trainer, pl_module, "validate")

    def _send(self, trainer: L.Trainer, task: L.LightningModule, name: str) -> None:
        if not isinstance(task, M3NetTask):
            return
        folder = report_folder(self.folder, task, name)
        for logger in _loggers(trainer):
            rows = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
            cells = [list(row.values()) for row in rows]
            logger.log_table(self._key(folder / "scores.json"), list(rows[0]), cells)
            for picture in sorted(folder.rglob("*.png")):
                logger.log_image(self._key(picture), [str(picture)])

    def _key(self, file: Path) -> str:
        return file.relative_to(self.folder).with_suffix("").as_posix()


def _loggers(trainer: L.Trainer) -> list[WandbLogger]:
    """Give those that log: in the first process, and where W&B is not disabled."""
    if not is_first_process():
        return []
    own = [logger for logger in trainer.loggers if isinstance(logger, WandbLogger)]
    return [logger for logger in own if not logger.experiment.disabled]
