"""Puts a page together from an evaluation, and writes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch

from m3net.base.files import write_text
from m3net.data.dataset import RetrievalDataset
from m3net.metrics.retrieval_metrics import RetrievalMetrics
from m3net.reports.page.attention import collect_looks
from m3net.reports.page.comparable import check_data, check_scores
from m3net.reports.page.confusion import collect_confusions
from m3net.reports.page.galleries import collect_galleries
from m3net.reports.page.heading import collect_heading
from m3net.reports.page.planes import SEED, collect_planes
from m3net.reports.page.published import published_name
from m3net.reports.page.rendering import render_page
from m3net.reports.page.run_files import RunFiles, read_run, read_scores
from m3net.reports.page.tables import beside_sheet, published_sheet, score_sheet
from m3net.reports.page.thumbnails import Thumbnails
from m3net.reports.page.training_curves import collect_curves
from m3net.reports.page.values import Curves, Page
from m3net.reports.published import published_scores
from m3net.reports.sheets import Sheet
from m3net.training.task import M3NetTask

MOST_IMAGES = 10_000
"""Test images up to which a page is made unasked."""
PAGE = "report.html"


@dataclass(frozen=True)
class PageMaker:
    """Makes the page of a test.

    Attributes:
        run: The run folder.
        wanted: Whether a page is made; "auto" makes one of at most `MOST_IMAGES`.
        words: The command that is run, word by word.
        data: Settings of the data: "class_path" and "init_args".
        others: Runs to stand beside this one.
        photos: Photos whose attention is shown.
    """

    run: Path
    wanted: bool | Literal["auto"]
    words: Sequence[str]
    data: Mapping[str, Any]
    others: Sequence[RunFiles] = ()
    photos: int = 4

    def __post_init__(self) -> None:
        """Refuse other runs whose data differs, before anything is evaluated.

        Raises:
            ConfigError: A run's data is not that of this test.
        """
        for other in self.others:
            check_data(self.data, other)

    def wants(self, num_images: int) -> bool:
        """Tell whether a page of so many images is to be made."""
        return num_images <= MOST_IMAGES if self.wanted == "auto" else self.wanted

    def write(
        self,
        task: M3NetTask,
        dataset: RetrievalDataset,
        metrics: RetrievalMetrics,
        whole: bool,
        folder: Path,
    ) -> None:
        """Write the page.

        Args:
            task: The network.
            dataset: The evaluated images.
            metrics: What came of them.
            whole: Whether they are the whole split.
            folder: Has the scores of this test; takes report.html.

        Raises:
            ConfigError: The scores of a run beside it do not compare.
        """
        results, run = metrics.results(), read_run(self.run)
        table = read_scores(folder / "scores.csv")
        fate = metrics.config.without_relevant
        for other in self.others:
            check_scores(table, fate, other)
        taxonomy = task.retriever.taxonomy
        photos = Thumbnails(dataset, taxonomy)
        targets = torch.from_numpy(dataset.records.targets(range(len(dataset))))
        lists = metrics.config.top_k > 0
        asked = torch.cat([own.query_index for own in results.values()])
        planes, sprite = collect_planes(metrics, photos)
        heading = collect_heading(run, task, self.data, len(dataset), [*self.words])
        page = Page(
            heading=heading,
            scores=self._score_sheets(table, fate, whole),
            curves=collect_curves([run]),
            galleries=collect_galleries(results, photos) if lists else (),
            top_k=metrics.config.top_k,
            looks=collect_looks(task, photos, torch.unique(asked).tolist(), self.photos),
            confusions=collect_confusions(metrics, task.retriever.taxonomy, targets)
            if lists
            else (),
            planes=planes,
            sprite=sprite,
            seed=SEED,
            **self._beside(run, table),
        )
        write_text(folder / PAGE, render_page(page))

    def _score_sheets(self, table: pd.DataFrame, fate: str, whole: bool) -> list[Sheet]:
        """Give the table of scores, and where numbers were published and compare, those beside."""
        own = score_sheet(table, fate)
        name, note = published_name(self.data)
        if not whole:
            name, note = "", "Batches were limited: these are scores of a part of the split."
        notes = (*own.notes, note) if note else own.notes
        sheets = [Sheet(own.title, own.columns, own.rows, notes)]
        return [*sheets, published_sheet(table, published_scores(name))] if name else sheets

    def _beside(self, run: RunFiles, table: pd.DataFrame) -> dict[str, Any]:
        """Give the part of the page that compares runs."""
        if not self.others:
            return {}
        runs = [run, *self.others]
        tables = dict(zip(distinct_names(runs), self._tables(table), strict=True))
        curves = collect_curves(runs)
        return {
            "beside": [beside_sheet(tables)],
            "beside_curves": Curves(curves.charts, [*tables], curves.notes),
            "beside_notes": [
                note for other in self.others for note in check_data(self.data, other)
            ],
        }

    def _tables(self, table: pd.DataFrame) -> list[pd.DataFrame]:
        others = [other.scores for other in self.others]
        return [table, *(own for own in others if own is not None)]


def distinct_names(runs: Sequence[RunFiles]) -> list[str]:
    """Give names that tell runs apart: experiment and number, else the whole path."""
    names = [run.name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.folder.resolve()) for run in runs]
