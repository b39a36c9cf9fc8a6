"""Makes the page of a test, and writes it."""

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
from m3net.reports.page.map_section import collect_planes
from m3net.reports.page.rendering import Page, render_page
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
    """The command that is run."""
    data: Mapping[str, Any]
    """Settings of the data: "class_path" and "init_args"."""
    others: Sequence[RunFiles] = ()
    """Runs to stand beside this one."""

    def __post_init__(self) -> None:
        """Check other runs before anything is evaluated.

        Raises:
            ConfigError: A run's data is not that of this test.
        """
        for other in self.others:
            check_data(self.data, other)

    def wants(self, num_images: int) -> bool:
        """Return whether a page of this number of images is made."""
        return num_images <= MOST_IMAGES if self.wanted == "auto" else self.wanted

    def write(self, evaluation: Evaluation, file: Path) -> None:
        """Write the page.

        Args:
            evaluation: Of a test by the configured ranking.
            file: The HTML file.

        Raises:
            ConfigError: The scores of a run beside it do not compare.
        """
        run, table = read_run(self.run), pd.DataFrame(evaluation.rows)
        config, lists = evaluation.metrics.config, evaluation.has_lists
        for other in self.others:
            check_scores(table, config.without_relevant, other)
        album = evaluation.album
        planes, sprite = collect_planes(evaluation.metrics, album)
        beside = (run, table, self.data, self.others)
        page = Page(
            heading=collect_heading(run, evaluation, self.data, self.argv),
            scores=collect_scores(table, config.without_relevant, self.data, evaluation.is_whole),
            curves=collect_curves([run]),
            galleries=collect_galleries(evaluation.results, album) if lists else (),
            top_k=config.top_k,
            attention=evaluation.attention,
            confusions=collect_confusions(evaluation) if lists else (),
            planes=planes,
            sprite=sprite,
            album=album,
            comparison=collect_comparison(*beside) if self.others else None,
        )
        write_text(file, render_page(page))
