"""Scores of several systems, looked up by system, ranking, split, attribute and metric.

They come in long form, a row for each number (`m3net.workflows.studies.comparison.results`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from m3net.metrics.scores import OVERALL_BY_ATTRIBUTES, OVERALL_BY_QUERIES
from m3net.reports.spread import FINEST, percent, spread_over_seeds


@dataclass(frozen=True)
class Outline:
    """What a report shows beside the scores.

    Attributes:
        name: Of the comparison.
        systems: Names of all systems, in the order of the rows.
        baseline: The system over which gains are given.
        published: Scores of a paper, as `published_scores` gives them.
        focus: Attributes whose mean MAP@all is the column "finest".
        absent: Why there is no result of a system, or not of each seed.
    """

    name: str
    systems: tuple[str, ...]
    baseline: str | None = None
    published: pd.DataFrame | None = None
    focus: tuple[str, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)


class Compared:
    """Gives means over seeds, as numbers or as cells of a table.

    Attributes:
        scores: Long form.
        outline: What is shown beside them.
        own: The configured ranking of each system that has been tested.
        systems: Names of these, in order.
    """

    def __init__(self, scores: pd.DataFrame, outline: Outline) -> None:
        """Take the scores.

        Args:
            scores: Long form, with `add_finest` done.
            outline: What is shown beside them.
        """
        self.scores, self.outline = scores, outline
        self.own = dict(scores[scores["own"]].groupby("system")["ranking"].first())
        self.systems = tuple(name for name in outline.systems if name in self.own)
        self._spread = spread_over_seeds(scores)

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attributes that have been tested, in their order."""
        tested = self.scores.loc[self.scores["split"] == "test", "attribute"].unique()
        summaries = (OVERALL_BY_QUERIES, OVERALL_BY_ATTRIBUTES, FINEST)
        return tuple(name for name in tested if name not in summaries)

    @cached_property
    def protocol(self) -> str:
        """What a query is, without which no number means anything."""
        return " and ".join(sorted({name for name in self.scores["protocol"] if name}))

    def mean(self, system: str, ranking: str, split: str, attribute: str, metric: str) -> float:
        """Give a mean over seeds; NaN where there is none."""
        key = (system, ranking, split, attribute, metric)
        return float(self._spread["mean"].get(key, math.nan))

    def std(self, system: str, ranking: str, split: str, attribute: str, metric: str) -> float:
        """Give a sample standard deviation over seeds; NaN where there is none."""
        key = (system, ranking, split, attribute, metric)
        return float(self._spread["std"].get(key, math.nan))

    def cell(self, system: str, ranking: str, split: str, attribute: str, metric: str) -> str:
        """Give mean and standard deviation in percent; the mean alone of one seed."""
        key = (system, ranking, split, attribute, metric)
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
        """Give a published number; NaN where there is none."""
        return self._paper.get((system, attribute, metric), math.nan)

    @property
    def published_attributes(self) -> tuple[str, ...]:
        """Names of the attributes that were published."""
        names = dict.fromkeys(attribute for _, attribute, _ in self._paper)
        return tuple(name for name in names if name != OVERALL_BY_QUERIES)

    def num_seeds(self, system: str) -> int:
        """Give how many seeds a system has been tested with."""
        return int(self.scores.loc[self.scores["system"] == system, "seed"].nunique())

    def rankings(self, system: str) -> Sequence[str]:
        """Give the rankings of a system, the configured one first."""
        return list(self.scores.loc[self.scores["system"] == system, "ranking"].unique())

    def best_on_validation(self, system: str) -> str:
        """Give the ranking of highest mean validation MAP@all; of equals the first."""

        def on_validation(ranking: str) -> float:
            value = self.mean(system, ranking, "val", OVERALL_BY_QUERIES, "map_all")
            return -math.inf if math.isnan(value) else value

        return max(self.rankings(system), key=on_validation)
