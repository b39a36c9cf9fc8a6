"""`m3net validate`: the scores of the validation images, computed again."""

import json
from pathlib import Path

import pytest

from tests.support.commands import Command


def test_the_best_weights_have_the_scores_of_their_epoch(
    m3net: Command, own_run: Path, trained: Path
) -> None:
    done = m3net("validate", "--ckpt_path", own_run)
    assert done.returncode == 0, done.stderr
    scores = json.loads((own_run / "validate" / "scores.json").read_text(encoding="utf-8"))
    [overall] = [row for row in scores if row["attribute"] == "overall (by queries)"]
    best = json.loads((trained / "metrics.json").read_text(encoding="utf-8"))["best"]
    # Lightning keeps float32 of what it logs.
    assert overall["map_all"] == pytest.approx(best["val/map_all"], abs=1e-6)
    assert not (own_run / "test").exists()
