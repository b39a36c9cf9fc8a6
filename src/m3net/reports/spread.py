"""Scores in long form, a row for each number: over seeds, over attributes, over a baseline."""

import math
from collections.abc import Sequence

import pandas as pd

from m3net.errors import ConfigError

FINEST = "finest"


def add_finest(scores: pd.DataFrame, focus: Sequence[str]) -> pd.DataFrame:
    """Give the scores with one more attribute: the mean MAP@all of some, for each run.

    Args:
        scores: Long form.
        focus: Names of the attributes; with none nothing is added.

    Raises:
        ConfigError: The data has no such attribute.
    """
    known = [name for name in scores["attribute"].unique() if name]
    for name in focus:
        if known and name not in known:
            raise ConfigError(f"focus: no attribute {name!r} was tested; there are {known}.")
    chosen: pd.DataFrame = scores[scores["attribute"].isin(focus) & (scores["metric"] == "map_all")]
    if chosen.empty:
        return scores
    keys = [name for name in scores.columns if name not in ("attribute", "value")]
    means = chosen.groupby(keys, as_index=False, sort=False)["value"].mean()
    joined: pd.DataFrame = pd.concat([scores, means.assign(attribute=FINEST)], ignore_index=True)
    return joined


def spread_over_seeds(scores: pd.DataFrame) -> pd.DataFrame:
    """Give mean and sample standard deviation over seeds; the latter is NaN for one seed.

    Args:
        scores: Long form.

    Returns:
        Columns mean, std; indexed by system, ranking, split, attribute, metric.
    """
    keys = ["system", "ranking", "split", "attribute", "metric"]
    spread: pd.DataFrame = scores.groupby(keys, sort=False)["value"].agg(["mean", "std"])
    return spread


def relative_gain(value: float, baseline: float) -> float:
    """Give by how many percent a value is above the baseline's.

    Example:
        >>> relative_gain(0.75, 0.60)
        25.0
    """
    return round(100 * (value - baseline) / baseline, 10)


def percent(value: float) -> str:
    """Give a score in percent, "-" where there is none."""
    return "-" if math.isnan(value) else f"{100 * value:.2f}"
