"""After an evaluation: its tables, pictures and page in the run folder."""

from typing import Any, Literal

import lightning as L
from rich.table import Table
from typing_extensions import override

from m3net.base.process_tree import is_first_process
from m3net.experiments.run import Run
from m3net.experiments.wandb_logger import RunWandbLogger
from m3net.metrics.retrieval_metrics import RetrievalMetrics
from m3net.reports.evaluation import Evaluation, write_evaluation
from m3net.reports.page.page_maker import PageMaker
from m3net.reports.score_files import plain_rows
from m3net.training.task import M3NetTask


class EvaluationReport(L.Callback):
    """Writes, draws and logs each test, and each validation outside of a training.

    Attributes:
        tables: To be printed when no progress bar is open.
    """

    def __init__(self, run: Run, details: bool = False, page: PageMaker | None = None) -> None:
        """Write into a run folder.

        Args:
            run: Results go to its folders "test" and "validate", those of another ranking than the
                configured one to rankings/<ranking>.
            details: Whether scores of each class and query are written.
            page: Makes the page of a test by the configured ranking; None makes none.
        """
        self.run, self.details, self.page = run, details, page
        self.tables: list[Table] = []

    @override
    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Report a test."""
        if isinstance(pl_module, M3NetTask):
            whole = _is_whole(trainer.limit_test_batches)
            loader = trainer.test_dataloaders
            self._report("test", trainer, pl_module, pl_module.test_metrics, loader, whole)

    @override
    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Report a validation outside of a training."""
        if trainer.state.fn == "validate" and isinstance(pl_module, M3NetTask):
            whole = _is_whole(trainer.limit_val_batches)
            loader = trainer.val_dataloaders
            self._report("validate", trainer, pl_module, pl_module.val_metrics, loader, whole)

    def _report(
        self,
        name: Literal["validate", "test"],
        trainer: L.Trainer,
        task: M3NetTask,
        metrics: RetrievalMetrics,
        loader: Any,  # noqa: ANN401 - what Lightning holds
        is_whole: bool,
    ) -> None:
        """Write one evaluation."""
        retriever = task.retriever
        other_ranking = None if task.ranks_as_configured else retriever.ranking
        evaluation = Evaluation(
            name,
            loader.dataset,
            retriever.taxonomy,
            metrics,
            is_whole=is_whole,
            retriever=retriever,
            other_ranking=other_ranking,
        )
        if not is_first_process():
            return
        files = self.run.evaluation(name, other_ranking)
        pictures = write_evaluation(
            evaluation, files.folder, details=self.details, pictures=other_ranking is None
        )
        if name == "test" and other_ranking is None:
            # The page of an earlier test would contradict the tables beside it.
            files.page.unlink(missing_ok=True)
            if self.page is not None and self.page.wants(len(evaluation.dataset)):
                self.page.write(evaluation, files.page)
        self.tables.append(evaluation.render())
        for logger in trainer.loggers:
            if isinstance(logger, RunWandbLogger):
                logger.log_evaluation(files.folder, plain_rows(evaluation.rows), pictures)


def _is_whole(limit: float) -> bool:
    """Return whether a limit allows all batches: the float 1.0 does, the int 1 is one batch."""
    return isinstance(limit, float) and limit == 1.0
