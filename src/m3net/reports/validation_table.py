"""The validations of a training so far: the last one as a table, and in one line."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.table import Table

from m3net.reports.formatting import metric_title, number_table, percent

Scores = Mapping[str, float]
"""Values of a validation in [0, 1]: "map_all" over all queries, "map_all/collar" of an
attribute."""


@dataclass
class Validations:
    """The validations of a training so far."""

    metrics: Sequence[str]
    """In the order of their columns; the first one says what is best."""
    epochs: list[int] = field(default_factory=list)
    """The epoch of each validation, from 1 on."""
    scores: list[Scores] = field(default_factory=list)
    """Of each validation."""

    def add(self, epoch: int, scores: Scores) -> None:
        """Add a validation.

        Args:
            epoch: From 1 on.
            scores: What it measured.
        """
        self.epochs.append(epoch)
        self.scores.append(scores)

    @property
    def best(self) -> int:
        """Index of the best validation so far, the first of several.

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
        """Return the score of the last validation and that of the best one.

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
    """Return the table of the last validation, in percent.

    Args:
        validations: At least one.
    """
    first, *others = validations.metrics
    last = validations.scores[-1]
    before: Scores = validations.scores[-2] if len(validations.scores) > 1 else {}
    titles = [metric_title(first), "change", "best", *map(metric_title, others)]
    title = f"validation, epoch {validations.epochs[-1]}, in percent"
    table = number_table(title, ["attribute", *titles])

    def add_row(name: str, suffix: str) -> None:
        key = first + suffix
        value = last.get(key, math.nan)
        best = max(scores.get(key, math.nan) for scores in validations.scores)
        change = percent(value - before.get(key, math.nan), "+.2f")
        cells = [percent(last.get(metric + suffix, math.nan)) for metric in others]
        table.add_row(name, percent(value), change, percent(best), *cells)

    for name in last:
        if name.startswith(f"{first}/"):
            add_row(name.removeprefix(f"{first}/"), name.removeprefix(first))
    table.add_section()
    add_row("overall (by queries)", "")
    return table
