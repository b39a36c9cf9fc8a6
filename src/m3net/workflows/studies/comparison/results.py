"""From run folders to scores in long form: a row for each number."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from m3net.boundary.plain_values import read_json
from m3net.experiments.run import read_config, reading
from m3net.reports.page.run_files import read_scores
from m3net.workflows.studies.comparison.plan import PARTS, ranking_folder

COSTS = ("parameters", "seconds", "images", "steps", "images_per_second")
"""What metrics.json says of a training."""
COLUMNS = (
    *("system", "seed", "ranking", "own", "split", "protocol", "attribute", "metric", "value"),
)

_REMEDY = "restore it, or delete it, and its training is done anew"


def read_results(
    runs: Mapping[tuple[str, int], Path], rankings: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Give all scores and costs of trainings.

    Args:
        runs: The run folder of each system and seed.
        rankings: For each system those of its checkpoints, beside the configured one.

    Returns:
        `COLUMNS`. "own" says whether the ranking is the configured one; split is "val", "test", or
        "train" for costs, which have "" for attribute and protocol; scores are in [0, 1].

    Raises:
        CheckpointError: A file of a run is damaged.
    """
    rows: list[dict[str, Any]] = []
    for (system, seed), run in runs.items():
        own = _own_ranking(run / "config.yaml")
        about = {"system": system, "seed": seed}
        for ranking in dict.fromkeys((own, *rankings[system])):
            named = about | {"ranking": ranking, "own": ranking == own}
            for split, part in PARTS.items():
                folder = run / ranking_folder(ranking, own) / part
                rows += [named | {"split": split} | row for row in _scores(folder)]
        costs = _costs(run / "metrics.json")
        shared = about | {"ranking": own, "own": True, "split": "train"}
        shared |= {"protocol": "", "attribute": ""}
        rows += [shared | {"metric": name, "value": costs[name]} for name in COSTS]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _own_ranking(file: Path) -> str:
    """Give the ranking that a training was configured with."""
    config = read_config(file, _REMEDY)
    with reading(file, _REMEDY):
        own = config["model"]["ranking"]
        if not isinstance(own, str):
            raise TypeError("no name")
        return own


def _costs(file: Path) -> dict[str, float]:
    """Give what a training took."""
    with reading(file, _REMEDY):
        costs = read_json(file)
        numbers = {name: float(costs[name]) for name in COSTS}
        if not all(map(math.isfinite, numbers.values())):
            raise ValueError("no finite numbers")
        return numbers


def _scores(folder: Path) -> list[dict[str, Any]]:
    """Give a table of scores as one row for each number, without the counts of queries."""
    file = folder / "scores.csv"
    with reading(file, _REMEDY):
        table = read_scores(file)
        counts = [name for name in table if str(name).startswith("num_")]
        long = table.drop(columns=counts).melt(["attribute", "protocol"], var_name="metric")
        long["value"] = long["value"].astype(float)
    rows: list[dict[str, Any]] = long.to_dict("records")  # type: ignore[assignment]
    return rows


def images_per_second(run: Path) -> float:
    """Give the speed of a training.

    Args:
        run: Its run folder.
    """
    return _costs(run / "metrics.json")["images_per_second"]
