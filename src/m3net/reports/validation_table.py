"""The validations of a training so far, as a table and in one line."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.table import Table

from m3net.metrics.scores import OVERALL_BY_QUERIES
from m3net.reports.formatting import metric_title, number_table, percent

Scores = Mapping[str, float]
"""Values in [0, 1]: "map_all" over all queries, "map_all/collar" of an attribute."""


@dataclass
class Validations:
    """The validations of a training so far."""

    metrics: Sequence[str]
    """In the order of their columns; the first one decides which validation is best."""
    epochs: list[int] = field(default_factory=list)
    """The epoch of each validation, from 1."""
    scores: list[Scores] = field(default_factory=list)
    """The scores of each validation."""

    def add(self, epoch: int, scores: Scores) -> None:
        """Add the validation of an epoch, counted from 1."""
        self.epochs.append(epoch)
        self.scores.append(scores)

    @property
    def best(self) -> int:
        """Index of the best validation so far; of equals the first.

        Example:
            >>> validations = Validations(["map_all"])
            >>> for epoch, score in enumerate([0.5, 0.75, 0.75], start=1):
            ...     validations.add(epoch, {"map_all": score})
            >>> validations.epochs[validations.best]
            2
        """
        values = [scores[self.metrics[0]] for scores in self.scores]
        return values.index(max(values))

    def headline(self) -> str:
        """Return the scores of the last validation and of the best one.

        Example:
            >>> validations = Validations(["map_all"])
            >>> validations.add(1, {"map_all": 0.5})
            >>> validations.headline()
            'val MAP@all 50.00 (best)'
            >>> validations.add(2, {"map_all": 0.25})
            >>> validations.headline()
            'val MAP@all 25.00 (best 50.00 in epoch 1)'
        """
        first, best = self.metrics[0], self.best
        top = "best"
        if best < len(self.scores) - 1:
            top = f"best {percent(self.scores[best][first])} in epoch {self.epochs[best]}"
        return f"val {metric_title(first)} {percent(self.scores[-1][first])} ({top})"


def render_validation(validations: Validations) -> Table:
    """Return the last validation, in percent, as a table; there must be at least one."""
    first, *others = validations.metrics
    last = validations.scores[-1]
    before: Scores = validations.scores[-2] if len(validations.scores) > 1 else {}
    names = [key.removeprefix(first) for key in last if key.startswith(f"{first}/")]
    rows = []
    for suffix in (*names, ""):
        key = first + suffix
        value = last.get(key, math.nan)
        best = max(scores.get(key, math.nan) for scores in validations.scores)
        cells = [percent(last.get(metric + suffix, math.nan)) for metric in others]
        change = percent(value - before.get(key, math.nan), "+.2f")
        name = suffix.removeprefix("/") or OVERALL_BY_QUERIES
        rows.append((name, percent(value), change, percent(best), *cells))
    title = f"validation, epoch {validations.epochs[-1]}, in percent"
    columns = ["attribute", metric_title(first), "change", "best", *map(metric_title, others)]
    return number_table(title, columns, rows, num_overall=1)
