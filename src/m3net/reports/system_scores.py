"""Scores of several systems, looked up by system, ranking, split, attribute and metric.

They come in long form, one row per number.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from m3net.errors import ConfigError
from m3net.metrics.scores import OVERALL_BY_ATTRIBUTES, OVERALL_BY_QUERIES
from m3net.reports.formatting import percent

FINEST = "finest"
_KEY = ["system", "ranking", "split", "attribute", "metric"]


@dataclass(frozen=True)
class Outline:
    """What a report shows beside the scores."""

    name: str
    """Of the comparison."""
    systems: tuple[str, ...]
    """Names of all systems, in the order of the rows."""
    baseline: str | None = None
    """The system over which gains are computed."""
    published: pd.DataFrame | None = None
    """Scores of a paper, as `published_scores` returns them."""
    focus: tuple[str, ...] = ()
    """Attributes whose mean MAP@all is the column "finest"."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Why a system has no result, or not of each seed."""


class SystemScores:
    """Means over seeds, as numbers or as cells of a table.

    A key is system, ranking, split, attribute and metric.

    Attributes:
        table: Long form.
        outline: What is shown beside them.
        configured: The configured ranking of each system that has been tested.
        systems: Names of these systems, in order.
    """

    def __init__(self, table: pd.DataFrame, outline: Outline) -> None:
        """Compute means and sample standard deviations.

        Args:
            table: Long form, with `add_finest` done.
            outline: What is shown beside them.
        """
        self.table, self.outline = table, outline
        self.configured = dict(table[table["own"]].groupby("system")["ranking"].first())
        self.systems = tuple(name for name in outline.systems if name in self.configured)
        spread = table.groupby(_KEY, sort=False)["value"].agg(["mean", "std"])
        self._mean, self._std = spread["mean"].to_dict(), spread["std"].to_dict()

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes that have been tested, in their order."""
        tested = self.table.loc[self.table["split"] == "test", "attribute"].unique()
        summaries = (OVERALL_BY_QUERIES, OVERALL_BY_ATTRIBUTES, FINEST)
        return tuple(name for name in tested if name not in summaries)

    @cached_property
    def protocol(self) -> str:
        """What a query is, without which no number means anything."""
        return " and ".join(sorted({name for name in self.table["protocol"] if name}))

    def mean(self, *key: str) -> float:
        """Return a mean over seeds; NaN for a key without scores."""
        return float(self._mean.get(key, math.nan))

    def std(self, *key: str) -> float:
        """Return a sample standard deviation over seeds; NaN for fewer than two seeds."""
        return float(self._std.get(key, math.nan))

    def cell(self, *key: str) -> str:
        """Return mean and standard deviation in percent; the mean alone for one seed."""
        spread = self.std(*key)
        return percent(self.mean(*key)) + ("" if math.isnan(spread) else f" ±{percent(spread)}")

    @cached_property
    def _paper(self) -> Mapping[tuple[str, str, str], float]:
        table = self.outline.published
        if table is None:
            return {}
        keys = zip(table["system"], table["attribute"], table["metric"], strict=True)
        return dict(zip(keys, table["value"].astype(float), strict=True))

    def paper(self, system: str, attribute: str, metric: str) -> float:
        """Return a published number; NaN where none was published."""
        return self._paper.get((system, attribute, metric), math.nan)

    @property
    def published_attributes(self) -> tuple[str, ...]:
        """Names of the attributes that were published."""
        names = dict.fromkeys(attribute for _, attribute, _ in self._paper)
        return tuple(name for name in names if name != OVERALL_BY_QUERIES)

    def num_seeds(self, system: str) -> int:
        """Return the number of seeds that a system has been tested with."""
        return int(self.table.loc[self.table["system"] == system, "seed"].nunique())

    def rankings(self, system: str) -> Sequence[str]:
        """Return the rankings of a system, the configured one first."""
        return list(self.table.loc[self.table["system"] == system, "ranking"].unique())

    def best_on_validation(self, system: str) -> str:
        """Return the ranking of highest mean validation MAP@all; of equals the first."""

        def on_validation(ranking: str) -> float:
            value = self.mean(system, ranking, "val", OVERALL_BY_QUERIES, "map_all")
            return -math.inf if math.isnan(value) else value

        return max(self.rankings(system), key=on_validation)


def add_finest(scores: pd.DataFrame, focus: Sequence[str]) -> pd.DataFrame:
    """Return scores with one more attribute: the mean MAP@all of some attributes, for each run.

    Args:
        scores: Long form.
        focus: Names of the attributes; without any, nothing is added.

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
