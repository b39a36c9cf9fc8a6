"""From run folders to scores in long form: a row for each number."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from m3net.comparison.plan import PARTS, ranking_folder

COSTS = ("parameters", "seconds", "images", "steps", "images_per_second")
"""What metrics.json says of a training."""
COLUMNS = (
    *("system", "seed", "ranking", "own", "split", "protocol", "attribute", "metric", "value"),
)


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
    """
    rows: list[dict[str, Any]] = []
    for (system, seed), run in runs.items():
        config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
        own = config["model"]["ranking"]
        about = {"system": system, "seed": seed}
        for ranking in dict.fromkeys((own, *rankings[system])):
            named = about | {"ranking": ranking, "own": ranking == own}
            for split, part in PARTS.items():
                folder = run / ranking_folder(ranking, own) / part
                rows += [named | {"split": split} | row for row in _scores(folder)]
        costs = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        shared = about | {"ranking": own, "own": True, "split": "train"}
        shared |= {"protocol": "", "attribute": ""}
        rows += [shared | {"metric": name, "value": float(costs[name])} for name in COSTS]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _scores(folder: Path) -> list[dict[str, Any]]:
    """Give a table of scores as one row for each number, without the counts of queries."""
    table = pd.read_csv(folder / "scores.csv")
    counts = [name for name in table if str(name).startswith("num_")]
    long = table.drop(columns=counts).melt(["attribute", "protocol"], var_name="metric")
    rows: list[dict[str, Any]] = long.to_dict("records")  # type: ignore[assignment]
    return rows


def images_per_second(run: Path) -> float:
    """Give the speed of a training.

    Args:
        run: Its run folder.
    """
    costs = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    return float(costs["images_per_second"])
