"""From metrics.csv to charts: which, in which order, and without what is not a number."""

import math
from pathlib import Path

import pandas as pd

from m3net.reports.page.run_files import RunFiles
from m3net.reports.page.training_curves import collect_curves


def run(name: str, curves: pd.DataFrame | None) -> RunFiles:
    return RunFiles(Path(f"/runs/{name}/0"), None, "", None, curves, None)


def test_losses_then_scores_each_with_the_runs_that_have_it() -> None:
    table = pd.DataFrame(
        {
            "step": [0, 1, 1, 3],
            "val/recall_10": [math.nan, math.nan, 0.5, 0.75],
            "val/map_all": [math.nan, math.nan, 0.25, math.nan],
            "val/map_all/collar": 0.5,
            "val/map_10_by_min": 0.5,
            "test/map_all": 0.5,
            "lr/pg1": 0.1,
            "train/center": [math.inf, math.nan, 3.0, 2.0],
            "train/loss": [4.0, 2.0, math.nan, math.nan],
        }
    )
    other = table[["step", "train/loss"]].iloc[:2]
    curves = collect_curves([run("one", table), run("two", other), run("three", None)])
    assert [chart.title for chart in curves.charts] == [
        *("loss, all terms", "loss, center"),
        *("validation MAP@all, percent", "validation Recall@10, percent"),
    ]
    assert [[line.run for line in chart.lines] for chart in curves.charts] == [
        [0, 1],
        [0],
        [0],
        [0],
    ]
    assert "from 3 to 2" in curves.charts[1].summary
    assert "from 50 to 75" in curves.charts[3].summary
    [note] = curves.notes
    assert note.startswith("three/0 has no metrics.csv")
