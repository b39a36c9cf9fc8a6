"""Settings, scores and pictures of a run, for Weights & Biases."""

import lightning as L
from lightning.pytorch.loggers import WandbLogger
from typing_extensions import override

from m3net.base.process_tree import is_first_process
from m3net.boundary.plain_values import read_yaml
from m3net.reports.score_files import plain_rows
from m3net.training.callbacks.evaluation_report import EvaluationReport


class WandbReport(L.Callback):
    """Sends settings and evaluations to each W&B logger; without one it does nothing.

    Names are places in the run folder, such as "test/scores" and "test/gallery".
    """

    def __init__(self, report: EvaluationReport) -> None:
        """Send what another callback reports.

        Args:
            report: Stands before this one among the callbacks.
        """
        self.report = report

    @override
    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Send all settings."""
        for logger in _loggers(trainer):
            settings = read_yaml(self.report.run.config)
            logger.experiment.config.update(settings, allow_val_change=True)

    @override
    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Send a test."""
        self._send(trainer)

    @override
    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Send a validation outside of a training."""
        if trainer.state.fn == "validate":
            self._send(trainer)

    def _send(self, trainer: L.Trainer) -> None:
        report = self.report
        if report.evaluation is None:
            return
        run, rows = report.run.folder, plain_rows(report.evaluation.rows)
        for logger in _loggers(trainer):
            key = (report.folder / "scores").relative_to(run).as_posix()
            logger.log_table(key, list(rows[0]), [list(row.values()) for row in rows])
            for picture in report.pictures:
                key = picture.relative_to(run).with_suffix("").as_posix()
                logger.log_image(key, [str(picture)])


def _loggers(trainer: L.Trainer) -> list[WandbLogger]:
    """Return those that log: in the first process, and where W&B is not disabled."""
    if not is_first_process():
        return []
    loggers = [logger for logger in trainer.loggers if isinstance(logger, WandbLogger)]
    return [logger for logger in loggers if not logger.experiment.disabled]
