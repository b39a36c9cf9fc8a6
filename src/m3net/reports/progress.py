"""How far a training is: the validation that it came to last, and a line on each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.table import Table

Scores = Mapping[str, float]
"""Values of a validation in [0, 1]: "map_all" over all queries, "map_all/collar" of an
attribute."""


@dataclass
class Course:
    """The validations of a training so far.

    Attributes:
        shown: Metrics in the order of their columns; the first one says what is best.
        epochs: Number of each validation's epoch, from 1 on.
        scores: Of each validation.
    """

    shown: Sequence[str]
    epochs: list[int] = field(default_factory=list)
    scores: list[Scores] = field(default_factory=list)

    def add(self, epoch: int, scores: Scores) -> None:
        """Take in a validation.

        Args:
            epoch: Its number, from 1 on.
            scores: What it gave.
        """
        self.epochs.append(epoch)
        self.scores.append(scores)

    @property
    def best(self) -> int:
        """Place of the best validation so far, the first of several.

        Example:
            >>> course = Course(["map_all"])
            >>> for epoch, score in enumerate([0.5, 0.75, 0.75], start=1):
            ...     course.add(epoch, {"map_all": score})
            >>> course.epochs[course.best]
            2
        """
        values = [own[self.shown[0]] for own in self.scores]
        return values.index(max(values))

    def headline(self) -> str:
        """Say the score of the last validation, and the best one's where that is another.

        Example:
            >>> course = Course(["map_all"])
            >>> course.add(1, {"map_all": 0.5})
            >>> course.headline()
            'val MAP@all 50.00 (best)'
            >>> course.add(2, {"map_all": 0.25})
            >>> course.headline()
            'val MAP@all 25.00 (best 50.00 in epoch 1)'
        """
        first, best = self.shown[0], self.best
        value = percent(self.scores[-1][first])
        top = "best"
        if best < len(self.scores) - 1:
            top = f"best {percent(self.scores[best][first])} in epoch {self.epochs[best]}"
        return f"val {title_of(first)} {value} ({top})"


def render_validation(course: Course) -> Table:
    """Give the table of the last validation: attributes, then all queries together, in percent.

    Args:
        course: With at least one validation.
    """
    last, first = course.scores[-1], course.shown[0]
    before = course.scores[-2] if len(course.scores) > 1 else {}
    table = Table(title=f"validation, epoch {course.epochs[-1]}, in percent", title_justify="left")
    table.add_column("attribute")
    for name in (title_of(first), "change", "best", *map(title_of, course.shown[1:])):
        table.add_column(name, justify="right")
    attributes = [name.removeprefix(f"{first}/") for name in last if name.startswith(f"{first}/")]
    for attribute in (*attributes, ""):
        if not attribute:
            table.add_section()
        names = [f"{metric}/{attribute}" if attribute else metric for metric in course.shown]
        own, *others = (percent(last.get(name, math.nan)) for name in names)
        best = max(scores.get(names[0], math.nan) for scores in course.scores)
        change = last.get(names[0], math.nan) - before.get(names[0], math.nan)
        cells = (own, percent(change, "+.2f"), percent(best), *others)
        table.add_row(attribute or "overall (by queries)", *cells)
    return table


def title_of(metric: str) -> str:
    """Give what a metric is called in tables.

    Example:
        >>> title_of("map_all"), title_of("recall_100")
        ('MAP@all', 'Recall@100')
    """
    name, _, cutoff = metric.rpartition("_")
    return f"{name.upper() if name == 'map' else name.capitalize()}@{cutoff}"


def percent(value: float, form: str = ".2f") -> str:
    """Give a share in percent, or a dash where there is none."""
    return "-" if math.isnan(value) else f"{100 * value:{form}}"
