"""Numbers over the steps of a training, as lines in a small chart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 300, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 8, 20
MAX_POINTS = 250
"""Points of a line; of more, neighbours are averaged."""


@dataclass(frozen=True)
class Series:
    """A quantity over the steps of one run.

    Attributes:
        run: Place of the run, which gives the line its colour and dashes.
        steps: (n,) optimizer steps, ascending, n at least 1.
        values: (n,) finite.
    """

    run: int
    steps: NDArray[np.float64]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """A line of a chart; a single value is a dot, at (`x`, `y`).

    Attributes:
        run: Place of the run.
        path: Of SVG.
        x: Right end.
        y: Height of the right end.
    """

    run: int
    path: str
    x: float
    y: float


@dataclass(frozen=True)
class Tick:
    """A number at an axis, and its place along it."""

    place: float
    text: str


@dataclass(frozen=True)
class Chart:
    """A chart, ready to be drawn in `WIDTH` by `HEIGHT`.

    Attributes:
        title: What is drawn.
        summary: First and last number in words, for those who do not see it.
        lines: One for each run that has the quantity.
        across: Ticks of the steps.
        up: Ticks of the values.
    """

    title: str
    summary: str
    lines: Sequence[Line]
    across: Sequence[Tick]
    up: Sequence[Tick]


def draw_chart(title: str, series: Sequence[Series], runs: Sequence[str]) -> Chart:
    """Draw one quantity of one or more runs, over a common range.

    Args:
        title: Its name.
        series: At least one.
        runs: Names of the runs.
    """
    steps = np.concatenate([own.steps for own in series])
    values = np.concatenate([own.values for own in series])
    left, right = _range(0.0, float(steps.max()))
    low, high = _range(float(values.min()), float(values.max()))

    def across(step: float) -> float:
        return _LEFT + (step - left) / (right - left) * (WIDTH - _LEFT - _RIGHT)

    def up(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (HEIGHT - _TOP - _BOTTOM)

    lines = []
    for own in series:
        points = [(across(x), up(y)) for x, y in thin(own.steps, own.values)]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        lines.append(Line(own.run, path, *(round(place, 1) for place in points[-1])))
    ends = [
        f"{runs[own.run]}: from {_number(own.values[0])} to {_number(own.values[-1])}"
        for own in series
    ]
    return Chart(
        title=title,
        summary=f"{title} over {int(right):,} steps; " + "; ".join(ends),
        lines=lines,
        across=[Tick(round(across(x), 1), f"{int(x):,}") for x in (left, right)],
        up=[Tick(round(up(y), 1), _number(y)) for y in ticks(low, high)],
    )


def thin(
    steps: NDArray[np.float64], values: NDArray[np.float64], most: int = MAX_POINTS
) -> list[tuple[float, float]]:
    """Give a line of at most so many points: means over neighbours, as even as can be.

    Example:
        >>> thin(np.arange(4.0), np.array([1.0, 3.0, 5.0, 7.0]), most=2)
        [(0.5, 2.0), (2.5, 6.0)]
    """
    parts = min(most, len(steps))
    columns = (np.array_split(column, parts) for column in (steps, values))
    return [(float(x.mean()), float(y.mean())) for x, y in zip(*columns, strict=True)]


def ticks(low: float, high: float) -> list[float]:
    """Give two to six round numbers within a range.

    Example:
        >>> ticks(0.13, 0.87), ticks(0, 10)
        ([0.2, 0.4, 0.6, 0.8], [0.0, 2.0, 4.0, 6.0, 8.0, 10.0])
    """
    least = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(least))
    step = next(one for one in (1, 2, 5, 10, 20) if one * power > least * (1 - 1e-9)) * power
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]


def _range(low: float, high: float) -> tuple[float, float]:
    """Give a range that is not empty."""
    return (low, high) if high > low else (low - 0.5, high + 0.5) if low else (0.0, 1.0)


def _number(value: float) -> str:
    return f"{value:.3g}"
