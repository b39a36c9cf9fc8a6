"""After an evaluation: the table and the pictures."""

from pathlib import Path
from typing import Any

import lightning as L
import torch
from rich.table import Table

from m3net.base.files import make_folder
from m3net.base.process_tree import is_first_process
from m3net.data.dataset import RetrievalDataset
from m3net.metrics.retrieval_metrics import RetrievalMetrics
from m3net.reports.details import write_classes, write_queries
from m3net.reports.page.maker import PAGE, PageMaker
from m3net.reports.tables import render_scores, write_scores
from m3net.training.callbacks.attention_pictures import draw_query_attention
from m3net.training.callbacks.gallery_pictures import GalleryMaker
from m3net.training.task import M3NetTask


class EvaluationReport(L.Callback):
    """Writes the scores of `test` and `validate`, and draws what was retrieved.

    Attributes:
        tables: The tables for the terminal, to print when no progress bar is in their way.
    """

    def __init__(
        self,
        folder: Path,
        queries: int = 5,
        photos: int = 4,
        details: bool = False,
        page: PageMaker | None = None,
    ) -> None:
        """Say where to write and how much to draw; the metrics say how many results of a query.

        Args:
            folder: The run folder; reports go to its subfolders "test" and "validate", tables of
                another ranking than the configured one to those of rankings/<ranking>.
            queries: Queries per attribute in a gallery picture, from the best to the worst.
            photos: Photos in the attention picture.
            details: Whether classes.csv and queries.csv are written.
            page: Makes the page of a test by the configured ranking; None makes none.
        """
        self.folder, self.queries, self.photos = folder, queries, photos
        self.details, self.page = details, page
        self.tables: list[Table] = []

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Report a test.

        Args:
            trainer: Holds the test images.
            pl_module: Holds the test metrics.
        """
        if isinstance(pl_module, M3NetTask):
            whole = _is_whole(trainer.limit_test_batches)
            loader = trainer.test_dataloaders
            self._report(pl_module, pl_module.test_metrics, loader, "test", whole)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Report a validation that was asked for by itself, not one within training.

        Args:
            trainer: Holds the validation images.
            pl_module: Holds the validation metrics.
        """
        if trainer.state.fn == "validate" and isinstance(pl_module, M3NetTask):
            whole = _is_whole(trainer.limit_val_batches)
            loader = trainer.val_dataloaders
            self._report(pl_module, pl_module.val_metrics, loader, "validate", whole)

    def _report(
        self,
        task: M3NetTask,
        metrics: RetrievalMetrics,
        loader: Any,  # noqa: ANN401 - what Lightning holds
        name: str,
        whole: bool,
    ) -> None:
        """Write the table and the pictures of one evaluation."""
        dataset: RetrievalDataset = loader.dataset
        # All processes take part in gathering the results; the first one writes them.
        scores, results = metrics.table(), metrics.results()
        if whole:
            records = dataset.records
            num_labels = records.labels_per_attribute(task.retriever.taxonomy.attribute_of_class)
            metrics.check_complete(torch.from_numpy(records.roles), torch.from_numpy(num_labels))
        if not is_first_process():
            return
        own = task.ranks_as_configured
        folder = report_folder(self.folder, task, name)
        make_folder(folder)
        write_scores(scores, metrics.protocol, folder)
        if self.details:
            records, about = dataset.records, (task.retriever.taxonomy, metrics.protocol)
            targets = torch.from_numpy(records.targets(range(len(records))))
            write_classes(metrics.class_table(targets), *about, folder / "classes.csv")
            write_queries(results, records, *about, folder / "queries.csv")
        if metrics.config.top_k and own:
            GalleryMaker(dataset, task.retriever.taxonomy, self.queries).draw_all(results, folder)
        if own:
            draw_query_attention(task, dataset, results, self.photos, folder / "attention.png")
        if name == "test" and own:
            # Of an earlier test, it would show other scores than the tables beside it.
            (folder / PAGE).unlink(missing_ok=True)
            if self.page is not None and self.page.wants(len(dataset)):
                self.page.write(task, dataset, metrics, whole, folder)
        title = name if own else f"{name}, ranking {task.retriever.ranking}"
        table = render_scores(scores, title, metrics.protocol, metrics.config, len(dataset))
        self.tables.append(table)


def report_folder(run: Path, task: M3NetTask, name: str) -> Path:
    """Give where the report of an evaluation lies, by the ranking that it was made with.

    Args:
        run: The run folder.
        task: Knows its ranking, and the one that it was configured with.
        name: "test" or "validate".
    """
    return (
        run / name if task.ranks_as_configured else run / "rankings" / task.retriever.ranking / name
    )


def _is_whole(limit: float) -> bool:
    """Tell whether a limit on batches is none: the float 1.0 is all of them, the int 1 is one."""
    return isinstance(limit, float) and limit == 1.0
