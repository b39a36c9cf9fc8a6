"""Scores of several systems, by system, ranking, split, attribute and metric.

Tables are in long form, one row per number.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from m3net.errors import ConfigError
from m3net.metrics.scores import OVERALL_BY_ATTRIBUTES, OVERALL_BY_QUERIES
from m3net.reports.formatting import percent

FINEST = "finest"
_KEY = ["system", "ranking", "split", "attribute", "metric"]


@dataclass(frozen=True)
class Outline:
    """Settings of a comparison that its tables show."""

    name: str
    systems: tuple[str, ...]
    """Names of all systems, in the order of the rows."""
    baseline: str | None = None
    """The system over which gains are computed."""
    published: pd.DataFrame | None = None
    """Scores of a paper, from `published_scores`."""
    focus: tuple[str, ...] = ()
    """Attributes whose mean MAP@all is the column "finest"."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Why a system lacks results of some or all seeds."""


class SystemScores:
    """Means over seeds, as numbers or as cells of a table.

    A key is system, ranking, split, attribute and metric.

    Attributes:
        table: Scores in long form, from `add_finest`.
        outline: Settings of the comparison.
        configured: The configured ranking of each system that was tested.
        systems: Names of these systems, in order.
    """

    def __init__(self, table: pd.DataFrame, outline: Outline) -> None:
        """Compute means and sample standard deviations."""
        self.table, self.outline = table, outline
        self.configured = dict(table[table["own"]].groupby("system")["ranking"].first())
        self.systems = tuple(name for name in outline.systems if name in self.configured)
        spread = table.groupby(_KEY, sort=False)["value"].agg(["mean", "std"])
        self._mean, self._std = spread["mean"].to_dict(), spread["std"].to_dict()
        self._paper: dict[Any, float] = {}
        if outline.published is not None:
            published = outline.published.set_index(["system", "attribute", "metric"])
            self._paper = published["value"].to_dict()

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes that were tested, in their order."""
        tested = self.table.loc[self.table["split"] == "test", "attribute"].unique()
        summaries = (OVERALL_BY_QUERIES, OVERALL_BY_ATTRIBUTES, FINEST)
        return tuple(name for name in tested if name not in summaries)

    @property
    def published_attributes(self) -> tuple[str, ...]:
        """Names of the attributes with published numbers."""
        names = dict.fromkeys(attribute for _, attribute, _ in self._paper)
        return tuple(name for name in names if name != OVERALL_BY_QUERIES)

    @property
    def protocol(self) -> str:
        """What a query is; scores of different protocols do not compare."""
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

    def tested(self, system: str, attribute: str, metric: str) -> tuple[str, str, str, str, str]:
        """Return the key of a test score by the configured ranking."""
        return system, self.configured.get(system, ""), "test", attribute, metric

    def paper(self, system: str, attribute: str, metric: str) -> float:
        """Return a published number; NaN if none was published."""
        return self._paper.get((system, attribute, metric), math.nan)

    def num_seeds(self, system: str) -> int:
        """Return the number of seeds that a system was tested with."""
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
        focus: Names of the attributes; if empty, nothing is added.

    Raises:
        ConfigError: An attribute of `focus` was not tested.
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
