"""The files of a ranking."""

import csv
from pathlib import Path

from m3net.workflows.studies.sweep_file import Trial
from m3net.workflows.studies.trial_ranking import write_ranking
from tests.support.sweeps import sweep_of


def test_no_value_is_a_formula_and_numbers_stay(tmp_path: Path) -> None:
    name = "=cmd()"
    trials = [
        Trial(0, {name: -0.5}, run=tmp_path / "runs" / "0", score=0.25),
        Trial(1, {name: "-1|[x](y)"}, reason="@\x1b[5m"),
    ]
    write_ranking(trials, sweep_of("random", {name: {"value": 1}}), tmp_path)
    with (tmp_path / "ranking.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["val/map_all", "trial", "'=cmd()", "run", "status"],
        ["0.25", "0", "-0.5", "runs/0", "done"],
        ["", "1", "'-1|[x](y)", "", "failed: @\x1b[5m"],
    ]
    text = (tmp_path / "ranking.md").read_text(encoding="utf-8")
    assert "| -1\\|\\[x](y) |" in text
    assert "* trial 1 failed: @\\\\x1b\\[5m" in text
