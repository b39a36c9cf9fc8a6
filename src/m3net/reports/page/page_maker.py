"""The page of a test: whether to make it, its contents and its file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from m3net.base.files import write_text
from m3net.reports.evaluation import Evaluation
from m3net.reports.page.comparison_section import check_data, check_scores, collect_comparison
from m3net.reports.page.confusion_section import collect_confusions
from m3net.reports.page.curve_section import collect_curves
from m3net.reports.page.gallery_section import collect_galleries
from m3net.reports.page.heading_section import collect_heading
from m3net.reports.page.map_section import SEED, collect_planes
from m3net.reports.page.rendering import render_page
from m3net.reports.page.run_files import RunFiles, read_run
from m3net.reports.page.score_section import collect_scores

MOST_IMAGES = 10_000
"""Test images up to which "auto" makes a page."""


@dataclass(frozen=True)
class PageMaker:
    """Makes the page of a test."""

    run: Path
    """The run folder."""
    wanted: bool | Literal["auto"]
    """Whether a page is made; "auto" makes one of at most `MOST_IMAGES`."""
    argv: Sequence[str]
    """Arguments of the command."""
    data: Mapping[str, Any]
    """Settings of the data: "class_path" and "init_args"."""
    others: Sequence[RunFiles] = ()
    """Runs to show beside this one."""

    def __post_init__(self) -> None:
        """Check the other runs before anything is evaluated.

        Raises:
            ConfigError: A run was tested on other data.
        """
        for other in self.others:
            check_data(self.data, other)

    def wants(self, num_images: int) -> bool:
        """Return whether to make a page of this number of images."""
        return num_images <= MOST_IMAGES if self.wanted == "auto" else self.wanted

    def write(self, evaluation: Evaluation, file: Path) -> None:
        """Write the page of a test by the configured ranking as one HTML file.

        Raises:
            ConfigError: The scores of a run beside it do not compare.
        """
        run, table = read_run(self.run), pd.DataFrame(evaluation.rows)
        config, album = evaluation.metrics.config, evaluation.album
        for other in self.others:
            check_scores(table, config.without_relevant, other)
        comparison = None
        if self.others:
            comparison = collect_comparison(run, table, self.data, self.others)
        has_lists = evaluation.has_lists
        planes, sprite = collect_planes(evaluation.metrics, album)
        page = render_page(
            heading=collect_heading(run, evaluation, self.data, self.argv),
            scores=collect_scores(table, config.without_relevant, self.data, evaluation.is_whole),
            curves=collect_curves([run]),
            galleries=collect_galleries(evaluation.results, album) if has_lists else [],
            top_k=config.top_k,
            attention=evaluation.attention,
            confusions=collect_confusions(evaluation) if has_lists else [],
            planes=planes,
            sprite=sprite,
            seed=SEED,
            album=album,
            comparison=comparison,
        )
        write_text(file, page)
