"""Curves: which there are, lines through their numbers, and ticks where the numbers are."""

import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from m3net.reports.page.curve_section import MAX_POINTS, collect_curves, draw_chart, ticks
from m3net.reports.page.run_files import RunFiles


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path)]


def test_a_line_leads_through_the_numbers_as_the_ticks_say() -> None:
    steps, values = np.array([10.0, 40.0, 50.0]), np.array([4.0, 1.0, 2.5])
    chart = draw_chart("loss", {0: np.stack([steps, values], axis=1)}, ["a"])
    heights = {float(tick.text): tick.at for tick in chart.up}
    low, high = min(heights), max(heights)
    slope = (heights[high] - heights[low]) / (high - low)
    left, right = chart.across
    width = (right.at - left.at) / float(right.text)
    [line] = chart.lines
    for (x, y), step, value in zip(points(line.path), steps, values, strict=True):
        assert x == pytest.approx(left.at + width * step, abs=0.11)
        assert y == pytest.approx(heights[low] + slope * (value - low), abs=0.11)
    assert chart.summary == "loss over 50 steps; a: from 4 to 2.5"


def test_runs_share_a_scale() -> None:
    short = np.array([[0.0, 1.0], [10.0, 2.0]])
    long = np.array([[0.0, 3.0], [20.0, 2.0]])
    one, other = draw_chart("loss", {0: short, 1: long}, ["a", "b"]).lines
    assert points(one.path)[1][1] == points(other.path)[1][1]
    assert points(one.path)[1][0] < points(other.path)[1][0]


@pytest.mark.parametrize("value", [0.0, 3.0, -2.0])
def test_a_single_number_is_a_dot(value: float) -> None:
    [line] = draw_chart("x", {0: np.array([[0.0, value]])}, ["a"]).lines
    assert points(line.path) == [(line.x, line.y)]


def test_a_long_line_is_thinned_to_means() -> None:
    count = 10 * MAX_POINTS
    points_of_run = np.stack([np.arange(count), np.tile([0.0, 2.0], count // 2)], axis=1)
    [line] = draw_chart("x", {0: points_of_run}, ["a"]).lines
    assert len(points(line.path)) == MAX_POINTS
    assert len({y for _, y in points(line.path)}) == 1


def test_values_that_no_range_can_hold_are_left_out() -> None:
    table = pd.DataFrame({"step": [0, 1, 2], "train/loss": [1e308, -1e308, 1.5]})
    [chart] = collect_curves([run("one", table)]).charts
    assert "from 1.5 to 1.5" in chart.summary


@pytest.mark.parametrize(("low", "high"), [(0.2, 0.21), (0, 1), (-3, 5e6), (99.9, 100.2), (0, 7)])
def test_ticks_are_few_and_within(low: float, high: float) -> None:
    numbers = ticks(low, high)
    assert 2 <= len(numbers) <= 6
    assert low <= numbers[0] < numbers[-1] <= high
    assert np.ptp(np.diff(numbers)) == pytest.approx(0, abs=1e-9 * (high - low))


def run(name: str, curves: pd.DataFrame | None) -> RunFiles:
    return RunFiles(Path(f"/runs/{name}/0"), curves=curves)


def test_losses_then_scores_each_with_the_runs_that_have_it() -> None:
    table = pd.DataFrame(
        {
            "step": [0, 1, 1, 3],
            "val/recall_10": [math.nan, math.nan, 0.5, 0.75],
            "val/map_all": [math.nan, math.nan, 0.25, math.nan],
            "val/map_all/collar": 0.5,
            "val/map_10_by_min": 0.5,
            "test/map_all": 0.5,
            "lr/pg1": 0.1,
            "train/center": [math.inf, math.nan, 3.0, 2.0],
            "train/loss": [4.0, 2.0, math.nan, math.nan],
        }
    )
    other = table[["step", "train/loss"]].iloc[:2]
    curves = collect_curves([run("one", table), run("two", other), run("three", None)])
    assert [chart.title for chart in curves.charts] == [
        *("loss, all terms", "loss, center"),
        *("validation MAP@all, percent", "validation Recall@10, percent"),
    ]
    assert [[line.run for line in chart.lines] for chart in curves.charts] == [
        [0, 1],
        [0],
        [0],
        [0],
    ]
    assert "from 3 to 2" in curves.charts[1].summary
    assert "from 50 to 75" in curves.charts[3].summary
    [note] = curves.notes
    assert note.startswith("three/0 has no metrics.csv")
