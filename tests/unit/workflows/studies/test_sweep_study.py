"""Files of a sweep: read as they were written, or refused with file and remedy."""

import json
from pathlib import Path
from typing import Any

import pytest

from m3net.errors import CheckpointError
from m3net.workflows.studies.proposals import propose, read_proposals
from m3net.workflows.studies.sweep_file import METRIC
from m3net.workflows.studies.sweep_study import best_score
from tests.support.sweeps import sweep_of

PARAMETERS: dict[str, dict[str, Any]] = {
    "backbone": {"values": ["resnet18", None, [8, 32]]},
    "lr": {"distribution": "log_uniform_values", "min": 1.0e-5, "max": 0.1},
    "decay": {"min": 0.1, "max": 3},
    "margin": {"distribution": "q_uniform", "min": 0.0, "max": 0.3, "q": 0.1},
    "size": {"min": 2, "max": 5},
}
GOOD = {"backbone": None, "lr": 0.01, "decay": 1.0, "margin": 0.3, "size": 4}


def test_proposals_are_read_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "proposals.json"
    sweep = sweep_of("random", PARAMETERS)
    proposals = [propose(sweep, 0, number, []) for number in range(200)]
    file.write_text(json.dumps(proposals), encoding="utf-8")
    assert read_proposals(file, sweep) == proposals


@pytest.mark.parametrize(
    "content",
    [
        *("", "[{", "{}", "3", "null", "[3]", "[null]", '["lr"]', "[[]]", "[{}]"),
        json.dumps([GOOD, {name: GOOD[name] for name in ("backbone", "lr")}]),
        json.dumps([GOOD | {"spare": 1}]),
        json.dumps([GOOD | {"backbone": "resnet19"}]),
        json.dumps([GOOD | {"lr": 0.2}]),
        json.dumps([GOOD | {"lr": float("nan")}]),
        json.dumps([GOOD | {"lr": "0.01"}]),
        json.dumps([GOOD | {"size": True}]),
        json.dumps([GOOD | {"size": None}]),
    ],
)
@pytest.mark.parametrize("method", ["random", "bayes"])
def test_damaged_proposals_are_refused(tmp_path: Path, content: str, method: str) -> None:
    file = tmp_path / "proposals.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError) as refused:
        read_proposals(file, sweep_of(method, PARAMETERS))
    assert str(refused.value).startswith(f"{file} is not the proposals of a sweep (")
    what = file if method == "random" else tmp_path
    assert str(refused.value).endswith(f": restore it, or delete {what}, and run again.")


def test_a_training_has_its_best_score_or_none(tmp_path: Path) -> None:
    file = tmp_path / "metrics.json"
    for best, score in (({METRIC: 0.5}, 0.5), ({METRIC: None}, None), ({}, None), (None, None)):
        file.write_text(json.dumps({"best": best}), encoding="utf-8")
        assert best_score(tmp_path) == score


@pytest.mark.parametrize(
    "content",
    [
        *("", "[1]", "{}", '{"best": 3}', '{"best": "x"}', '{"best": [1]}'),
        *(json.dumps({"best": {METRIC: score}}) for score in ("0.5", [1], 10**400)),
    ],
)
def test_a_damaged_summary_is_named_with_what_to_do(tmp_path: Path, content: str) -> None:
    file = tmp_path / "metrics.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError) as refused:
        best_score(tmp_path)
    assert str(refused.value).startswith(f"{file} is not the metrics.json of a run (")
    assert str(refused.value).endswith("restore it, or delete it to train again.")
