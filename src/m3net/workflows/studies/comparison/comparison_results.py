"""From run folders to scores in long form: a row for each number."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from m3net.boundary.parsing import parsing
from m3net.boundary.plain_values import read_json
from m3net.experiments.run import Run
from m3net.reports.score_files import read_scores
from m3net.workflows.studies.comparison.plan import PARTS

COSTS = ("parameters", "seconds", "images", "steps", "images_per_second")
"""What metrics.json says of a training."""
COLUMNS = (
    *("system", "seed", "ranking", "own", "split", "protocol", "attribute", "metric", "value"),
)

_REMEDY = "restore it, or delete it, and its training is done anew"


def read_results(
    runs: Mapping[tuple[str, int], Path], rankings: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Return all scores and costs of trainings.

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
        own = _own_ranking(Run(run))
        about = {"system": system, "seed": seed}
        for ranking in dict.fromkeys((own, *rankings[system])):
            named = about | {"ranking": ranking, "own": ranking == own}
            for split, part in PARTS.items():
                other = None if ranking == own else ranking
                file = Run(run).evaluation(part, other).scores
                rows += [named | {"split": split} | row for row in _scores(file)]
        costs = _costs(Run(run).summary)
        shared = about | {"ranking": own, "own": True, "split": "train"}
        shared |= {"protocol": "", "attribute": ""}
        rows += [shared | {"metric": name, "value": costs[name]} for name in COSTS]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _own_ranking(run: Run) -> str:
    """Return the configured ranking of a training."""
    config = run.read_config(_REMEDY)
    with parsing(run.config, _REMEDY):
        own = config["model"]["ranking"]
        if not isinstance(own, str):
            raise TypeError("no name")
        return own


def _costs(file: Path) -> dict[str, float]:
    """Return the costs of a training."""
    with parsing(file, _REMEDY):
        costs = read_json(file)
        numbers = {name: float(costs[name]) for name in COSTS}
        if not all(map(math.isfinite, numbers.values())):
            raise ValueError("no finite numbers")
        return numbers


def _scores(file: Path) -> list[dict[str, Any]]:
    """Return a table of scores, one row per number, without the counts of queries."""
    with parsing(file, _REMEDY):
        table = read_scores(file)
        counts = [name for name in table if str(name).startswith("num_")]
        long = table.drop(columns=counts).melt(["attribute", "protocol"], var_name="metric")
        long["value"] = long["value"].astype(float)
    rows: list[dict[str, Any]] = long.to_dict("records")  # type: ignore[assignment]
    return rows


def images_per_second(run: Path) -> float:
    """Return the speed of a training.

    Args:
        run: Its run folder.
    """
    return _costs(Run(run).summary)["images_per_second"]
