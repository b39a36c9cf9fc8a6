"""After an evaluation: the table and the pictures."""

from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from rich.table import Table

from m3net.data.dataset import RetrievalDataset
from m3net.data.taxonomy import Taxonomy
from m3net.metrics.ranking import QueryResults
from m3net.metrics.retrieval import RetrievalMetrics
from m3net.reports.attention import AttentionRow, draw_attention
from m3net.reports.galleries import GalleryRow, Tile, draw_gallery
from m3net.reports.tables import render_scores, write_scores
from m3net.runs import is_first_process
from m3net.task import M3NetTask


class EvaluationReport(L.Callback):
    """Writes the scores of `test` and `validate`, and draws what was retrieved.

    Attributes:
        tables: The tables for the terminal, to print when no progress bar is in their way.
    """

    def __init__(self, folder: Path, queries: int = 5, results: int = 10, photos: int = 4) -> None:
        """Say where to write and how much to draw.

        Args:
            folder: The run folder; reports go to its subfolders "test" and "validate".
            queries: Queries per attribute in a gallery picture, from the best to the worst.
            results: Gallery images per query.
            photos: Photos in the attention picture.
        """
        self.folder = folder
        self.queries, self.results, self.photos = queries, results, photos
        self.tables: list[Table] = []

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Report a test.

        Args:
            trainer: Holds the test images.
            pl_module: Holds the test metrics.
        """
        if isinstance(pl_module, M3NetTask):
            self._report(trainer, pl_module, pl_module.test_metrics, "test")

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Report a validation that was asked for by itself, not one within training.

        Args:
            trainer: Holds the validation images.
            pl_module: Holds the validation metrics.
        """
        if trainer.state.fn == "validate" and isinstance(pl_module, M3NetTask):
            self._report(trainer, pl_module, pl_module.val_metrics, "validate")

    def _report(
        self, trainer: L.Trainer, task: M3NetTask, metrics: RetrievalMetrics, name: str
    ) -> None:
        """Write the table and the pictures of one evaluation."""
        loader: Any = trainer.test_dataloaders if name == "test" else trainer.val_dataloaders
        limit = trainer.limit_test_batches if name == "test" else trainer.limit_val_batches
        dataset: RetrievalDataset = loader.dataset
        # All processes take part in gathering the results; the first one writes them.
        scores, results = metrics.table(), metrics.results()
        if limit == 1.0:
            metrics.check_complete(torch.from_numpy(dataset.records.roles))
        if not is_first_process():
            return
        folder = self.folder / name
        (folder / "galleries").mkdir(parents=True, exist_ok=True)
        write_scores(scores, folder)
        gallery = Gallery(dataset, task.taxonomy, self.results)
        gallery.draw_all(results, self.queries, folder)
        self._draw_attention(task, dataset, results, folder / "attention.png")
        title = f"{name}: {len(dataset):,} images, in percent"
        self.tables.append(render_scores(scores, title))

    def _draw_attention(
        self,
        task: M3NetTask,
        dataset: RetrievalDataset,
        results: dict[str, QueryResults],
        file: Path,
    ) -> None:
        """Draw where the network looks in a few queries, for attributes or for their classes."""
        queries = torch.unique(torch.cat([own.query_index for own in results.values()])).cpu()
        places = np.linspace(0, len(queries) - 1, min(self.photos, len(queries))).astype(int)
        samples = [dataset[int(queries[place])] for place in places]
        images = torch.stack([sample["image"] for sample in samples])
        with torch.inference_mode():
            outputs = task.network.eval()(images.to(task.device))
            probabilities = task.probabilities(outputs)
        rows = []
        for photo, image in enumerate(images):
            maps = {}
            for attribute, own in zip(task.taxonomy, task.taxonomy.slices, strict=True):
                best = int(own.start) + int(probabilities[photo, own].argmax())
                if outputs.class_attention is not None:
                    caption = f"{attribute.name}:\n{task.taxonomy.class_name(best)}"
                    maps[caption] = outputs.class_attention[photo, best].cpu().numpy()
                elif outputs.attribute_attention is not None:
                    place = task.taxonomy.names.index(attribute.name)
                    maps[attribute.name] = outputs.attribute_attention[photo, place].cpu().numpy()
            rows.append(AttentionRow(image.permute(1, 2, 0).numpy(), maps))
        draw_attention(rows, file)


class Gallery:
    """Turns query results into gallery pictures."""

    def __init__(self, dataset: RetrievalDataset, taxonomy: Taxonomy, results: int) -> None:
        """Say where photos and names come from.

        Args:
            dataset: The evaluated images.
            taxonomy: Names of their classes.
            results: Gallery images per query.
        """
        self.dataset, self.taxonomy, self.results = dataset, taxonomy, results

    def draw_all(self, results: dict[str, QueryResults], queries: int, folder: Path) -> None:
        """Draw one picture per attribute, and one with a typical query of each.

        Args:
            results: For each attribute what became of its queries.
            queries: Queries per attribute, evenly from the best average precision to the worst.
            folder: Has a folder "galleries".
        """
        typical = []
        for attribute, own in results.items():
            order = own.average_precision.argsort(descending=True, stable=True)
            if not len(order):
                continue
            places = np.linspace(0, len(order) - 1, min(queries, len(order))).astype(int)
            rows = [self.row(attribute, own, int(order[place])) for place in places]
            draw_gallery(rows, folder / "galleries" / f"{_file_name(attribute)}.png")
            typical.append(self.row(attribute, own, int(order[len(order) // 2])))
        if typical:
            draw_gallery(typical, folder / "gallery.png")

    def row(self, attribute: str, results: QueryResults, query: int) -> GalleryRow:
        """Give one query and its best gallery images.

        Args:
            attribute: Name of the attribute.
            results: What became of the attribute's queries.
            query: Which query of them.
        """
        best = results.top_index[query, : self.results].tolist()
        relevant = results.top_relevant[query, : self.results].tolist()
        found = [(image, right) for image, right in zip(best, relevant, strict=True) if image >= 0]
        return GalleryRow(
            attribute=attribute,
            average_precision=float(results.average_precision[query]),
            query=self._tile(attribute, int(results.query_index[query]), None),
            results=[self._tile(attribute, image, right) for image, right in found],
        )

    def _tile(self, attribute: str, image: int, relevant: bool | None) -> Tile:
        record = self.dataset.records[image]
        own = self.taxonomy.slices[self.taxonomy.names.index(attribute)]
        names = [self.taxonomy.class_name(c) for c in record.class_ids if own.start <= c < own.stop]
        return Tile(self.dataset.reader(record), ", ".join(names), relevant)


def _file_name(attribute: str) -> str:
    """Make a name that any file system takes."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in attribute)
