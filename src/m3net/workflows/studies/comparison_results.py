"""Scores and costs of trainings in long form: one row per number."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from m3net.boundary.parsing import parsing
from m3net.boundary.plain_values import read_json
from m3net.experiments.run import Run
from m3net.reports.score_files import read_scores
from m3net.workflows.studies.job import RETRAIN

COSTS = ("parameters", "seconds", "images", "steps", "images_per_second")
"""Costs of a training in metrics.json."""
PARTS = {"val": "validate", "test": "test"}
"""The evaluation of each split."""


def read_results(
    runs: Mapping[tuple[str, int], Path], rankings: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Read the scores and costs of trainings.

    Args:
        runs: Run folder of each system and seed.
        rankings: Rankings of each system beside the configured one.

    Returns:
        Columns system, seed, ranking, own, split, protocol, attribute, metric and value. "own" says
        whether the ranking is the configured one. Costs have split "train" and "" for attribute
        and protocol; scores have split "val" or "test" and are in [0, 1].

    Raises:
        CheckpointError: A file of a run is damaged.
    """
    rows: list[dict[str, Any]] = []
    for (system, seed), folder in runs.items():
        run = Run(folder)
        configured = _configured_ranking(run)
        for ranking in dict.fromkeys((configured, *rankings[system])):
            key = {"system": system, "seed": seed, "ranking": ranking, "own": ranking == configured}
            for split, part in PARTS.items():
                file = run.evaluation(part, None if key["own"] else ranking).scores
                rows += [key | {"split": split} | row for row in _read_scores(file)]
        key = {"system": system, "seed": seed, "ranking": configured, "own": True}
        key |= {"split": "train", "protocol": "", "attribute": ""}
        rows += [key | {"metric": name, "value": cost} for name, cost in read_costs(run).items()]
    return pd.DataFrame(rows)


def _configured_ranking(run: Run) -> str:
    config = run.read_config(RETRAIN)
    with parsing(run.config, RETRAIN):
        ranking = config["model"]["ranking"]
        if not isinstance(ranking, str):
            raise TypeError("no name")
        return ranking


def read_costs(run: Run) -> dict[str, float]:
    """Read the costs of a training.

    Raises:
        CheckpointError: Its metrics.json is damaged.
    """
    with parsing(run.summary, RETRAIN):
        summary = read_json(run.summary)
        costs = {name: float(summary[name]) for name in COSTS}
        if not all(map(math.isfinite, costs.values())):
            raise ValueError("no finite numbers")
        return costs


def _read_scores(file: Path) -> list[dict[str, Any]]:
    """Read a table of scores, one row per number, without the counts of queries."""
    with parsing(file, RETRAIN):
        table = read_scores(file)
        counts = [name for name in table if str(name).startswith("num_")]
        long = table.drop(columns=counts).melt(["protocol", "attribute"], var_name="metric")
        long["value"] = long["value"].astype(float)
    rows: list[dict[str, Any]] = long.to_dict("records")  # type: ignore[assignment]
    return rows
