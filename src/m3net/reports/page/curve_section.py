"""What was logged over the steps of one or more trainings, as small line charts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from m3net.reports.formatting import metric_title
from m3net.reports.page.run_files import RunFiles, distinct_names

WIDTH, HEIGHT = 300, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 8, 20
MAX_POINTS = 250
"""Most points of a line; longer lines are averaged over neighbours."""
_ALL_TERMS = "train/loss"
_HUGE = 1e300
"""Larger values are left out, like infinite ones: the range of a chart would overflow."""

Points = NDArray[np.float64]
"""(n, 2), n at least 1: optimizer steps, ascending, and finite values."""


class Line(NamedTuple):
    """One run in a chart: an SVG path and its right end (x, y), where a dot is drawn."""

    run: int
    path: str
    x: float
    y: float


class Tick(NamedTuple):
    """A number beside an axis, and its coordinate along the axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Chart:
    """A chart of `WIDTH` by `HEIGHT`."""

    title: str
    summary: str
    """First and last values in words, for screen readers."""
    lines: Sequence[Line]
    """One for each run that logged the quantity."""
    across: Sequence[Tick]
    up: Sequence[Tick]


@dataclass(frozen=True)
class Curves:
    """Small charts over the steps of a training."""

    charts: Sequence[Chart] = ()
    runs: Sequence[str] = ()
    """Names of the lines; a single run needs no key."""
    notes: Sequence[str] = ()


def collect_curves(runs: Sequence[RunFiles]) -> Curves:
    """Return a chart for each loss term and each overall validation score."""
    names = distinct_names(runs)
    notes = [
        f"{name} has no metrics.csv, so that no curve of it is shown: it was logged or trained "
        "elsewhere."
        for name, run in zip(names, runs, strict=True)
        if run.curves is None
    ]
    tables = [{} if run.curves is None else _quantities(run.curves) for run in runs]
    columns = dict.fromkeys(name for table in tables for name in table)
    charts = []
    for column in sorted(columns, key=_order):
        lines = {run: table[column] for run, table in enumerate(tables) if column in table}
        charts.append(draw_chart(_title(column), lines, names))
    return Curves(charts, names, notes)


def _quantities(table: pd.DataFrame) -> dict[str, Points]:
    """Return the finite values of each column that becomes a chart, scores in percent."""
    quantities = {}
    for name in map(str, table):
        if name.startswith("train/") or _is_overall_score(name):
            rows = table[["step", name]]
            rows = rows[(rows.abs() < _HUGE).all(axis=1)]
            if len(rows):
                factor = 100.0 if _is_overall_score(name) else 1.0
                quantities[name] = rows.sort_values("step").to_numpy(float) * [1.0, factor]
    return quantities


def _is_overall_score(column: str) -> bool:
    """Return whether a column is validation MAP or recall over all queries."""
    split, _, metric = column.partition("/")
    wanted = metric.startswith(("map_", "recall_")) and not metric.endswith(("_min", "_attribute"))
    return split == "val" and wanted and "/" not in metric


def _order(column: str) -> tuple[bool, bool]:
    """Sort losses before scores, and the whole before its parts."""
    return not column.startswith("train/"), column not in (_ALL_TERMS, "val/map_all")


def _title(column: str) -> str:
    split, _, name = column.partition("/")
    if split == "val":
        return f"validation {metric_title(name)}, percent"
    return "loss, all terms" if column == _ALL_TERMS else f"loss, {name.replace('_', ' ')}"


def draw_chart(title: str, lines: Mapping[int, Points], runs: Sequence[str]) -> Chart:
    """Draw one quantity of one or more runs on shared axes.

    Args:
        title: Name of the quantity.
        lines: At least one, by the index of its run.
        runs: Names of the runs.
    """
    steps, values = np.concatenate([*lines.values()]).T
    left, right = _range(0.0, float(steps.max()))
    low, high = _range(float(values.min()), float(values.max()))

    def across(step: float) -> float:
        return round(_LEFT + (step - left) / (right - left) * (WIDTH - _LEFT - _RIGHT), 1)

    def up(value: float) -> float:
        return round(_TOP + (high - value) / (high - low) * (HEIGHT - _TOP - _BOTTOM), 1)

    drawn, ends = [], []
    for run, points in lines.items():
        corners = [(across(step), up(value)) for step, value in thin(points)]
        path = "M" + "L".join(f"{x} {y}" for x, y in corners)
        drawn.append(Line(run, path, *corners[-1]))
        ends.append(f"{runs[run]}: from {points[0, 1]:.3g} to {points[-1, 1]:.3g}")
    return Chart(
        title=title,
        summary=f"{title} over {int(right):,} steps; {'; '.join(ends)}",
        lines=drawn,
        across=[Tick(across(step), f"{int(step):,}") for step in (left, right)],
        up=[Tick(up(value), f"{value:.3g}") for value in ticks(low, high)],
    )


def thin(points: Points, most: int = MAX_POINTS) -> list[tuple[float, float]]:
    """Return a line of at most `most` points, means over equally many neighbours.

    Example:
        >>> thin(np.array([[0.0, 1.0], [1.0, 3.0], [2.0, 5.0], [3.0, 7.0]]), most=2)
        [(0.5, 2.0), (2.5, 6.0)]
    """
    parts = np.array_split(points, min(most, len(points)))
    return [(float(part[:, 0].mean()), float(part[:, 1].mean())) for part in parts]


def ticks(low: float, high: float) -> list[float]:
    """Return two to six round numbers within a range.

    Example:
        >>> ticks(0.13, 0.87), ticks(0, 10)
        ([0.2, 0.4, 0.6, 0.8], [0.0, 2.0, 4.0, 6.0, 8.0, 10.0])
    """
    numbers = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high)
    slack = 1e-9 * (high - low)
    return [round(float(n), 12) for n in numbers if low - slack <= n <= high + slack]


def _range(low: float, high: float) -> tuple[float, float]:
    """Return a range that is not empty."""
    return (low, high) if high > low else (low - 0.5, high + 0.5) if low else (0.0, 1.0)
