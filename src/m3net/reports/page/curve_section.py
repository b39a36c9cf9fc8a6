"""What was logged over the steps of one or more trainings, as lines in small charts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from m3net.reports.formatting import metric_title
from m3net.reports.page.run_files import RunFiles

WIDTH, HEIGHT = 300, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 8, 20
MAX_POINTS = 250
"""Points of a line; of more, neighbours are averaged."""
_STEP = "step"
_LOSS = "train/"
_WHOLE = "train/loss"


@dataclass(frozen=True)
class Series:
    """A quantity over the steps of one run."""

    run: int
    """Index of the run, which gives the line its colour and dashes."""
    steps: NDArray[np.float64]
    """(n,) optimizer steps, ascending, n at least 1."""
    heights: NDArray[np.float64]
    """(n,) finite values of the quantity."""


@dataclass(frozen=True)
class Line:
    """A line of a chart; a single value is a dot, at (`x`, `y`)."""

    run: int
    """Index of the run."""
    path: str
    """Of SVG."""
    x: float
    """Right end."""
    y: float
    """Height of the right end."""


@dataclass(frozen=True)
class Tick:
    """A number at an axis, and its place along it."""

    place: float
    text: str


@dataclass(frozen=True)
class Chart:
    """A chart, ready to be drawn in `WIDTH` by `HEIGHT`."""

    title: str
    summary: str
    """First and last number in words, for those who do not see the chart."""
    lines: Sequence[Line]
    """One for each run that has the quantity."""
    across: Sequence[Tick]
    """Of the steps."""
    up: Sequence[Tick]
    """Of the values."""


@dataclass(frozen=True)
class Curves:
    """Small charts over the steps of a training."""

    charts: Sequence[Chart] = ()
    runs: Sequence[str] = ()
    """Names of the lines, as many as each chart has at most; one run needs no key."""
    notes: Sequence[str] = ()
    """Sentences, such as why there is no chart."""


def collect_curves(runs: Sequence[RunFiles]) -> Curves:
    """Return a chart for each loss term and each overall validation score.

    Args:
        runs: At least one.
    """
    names = [run.name for run in runs]
    notes = [
        f"{run.name} has no metrics.csv, so that no curve of it is shown: it was logged or trained "
        "elsewhere."
        for run in runs
        if run.curves is None
    ]
    tables = [_columns(run.curves) for run in runs]
    columns = list(dict.fromkeys(name for table in tables for name in table))
    charts = []
    for column in sorted(columns, key=_order):
        series = [
            Series(run, *table[column].to_numpy(float).T)
            for run, table in enumerate(tables)
            if column in table
        ]
        charts.append(draw_chart(_title(column), series, names))
    return Curves(charts, names, notes)


def _columns(table: pd.DataFrame | None) -> dict[str, pd.DataFrame]:
    """Return the finite rows of each column that becomes a chart."""
    if table is None:
        return {}
    chosen = [name for name in table.columns if name.startswith(_LOSS) or _is_score(name)]
    rows = {name: table[[_STEP, name]].replace([np.inf, -np.inf], np.nan) for name in chosen}
    finite = {name: own.dropna().sort_values(_STEP) for name, own in rows.items()}
    percent = {name: 100 if _is_score(name) else 1 for name in chosen}
    return {
        name: own.assign(**{name: own[name] * percent[name]})
        for name, own in finite.items()
        if len(own)
    }


def _is_score(column: str) -> bool:
    """Return whether a column is MAP or recall over all queries, which has no attribute's name."""
    split, _, metric = column.partition("/")
    wanted = metric.startswith(("map_", "recall_")) and not metric.endswith(("_min", "_attribute"))
    return split == "val" and wanted and "/" not in metric


def _order(column: str) -> tuple[bool, bool]:
    """Order losses before scores, and in both the whole before its parts."""
    return not column.startswith(_LOSS), column not in (_WHOLE, "val/map_all")


def _title(column: str) -> str:
    split, _, name = column.partition("/")
    if split == "val":
        return f"validation {metric_title(name)}, percent"
    return "loss, all terms" if column == _WHOLE else f"loss, {name.replace('_', ' ')}"


def draw_chart(title: str, series: Sequence[Series], runs: Sequence[str]) -> Chart:
    """Draw one quantity of one or more runs, over a common range.

    Args:
        title: Its name.
        series: At least one.
        runs: Names of the runs.
    """
    steps = np.concatenate([own.steps for own in series])
    values = np.concatenate([own.heights for own in series])
    left, right = _range(0.0, float(steps.max()))
    low, high = _range(float(values.min()), float(values.max()))

    def across(step: float) -> float:
        return _LEFT + (step - left) / (right - left) * (WIDTH - _LEFT - _RIGHT)

    def up(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (HEIGHT - _TOP - _BOTTOM)

    lines = []
    for own in series:
        points = [(across(x), up(y)) for x, y in thin(own.steps, own.heights)]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        lines.append(Line(own.run, path, *(round(place, 1) for place in points[-1])))
    ends = [
        f"{runs[own.run]}: from {_number(own.heights[0])} to {_number(own.heights[-1])}"
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
    """Return a line of at most `most` points: means over neighbours, in parts of equal length.

    Example:
        >>> thin(np.arange(4.0), np.array([1.0, 3.0, 5.0, 7.0]), most=2)
        [(0.5, 2.0), (2.5, 6.0)]
    """
    parts = min(most, len(steps))
    columns = (np.array_split(column, parts) for column in (steps, values))
    return [(float(x.mean()), float(y.mean())) for x, y in zip(*columns, strict=True)]


def ticks(low: float, high: float) -> list[float]:
    """Return two to six round numbers within a range.

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
    """Return a range that is not empty."""
    return (low, high) if high > low else (low - 0.5, high + 0.5) if low else (0.0, 1.0)


def _number(value: float) -> str:
    return f"{value:.3g}"
