"""Curves: lines lead through the numbers, and ticks stand where their numbers are."""

import re

import numpy as np
import pytest

from m3net.reports.page.curves import MAX_POINTS, Series, draw_chart, ticks


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path)]


def test_a_line_leads_through_the_numbers_as_the_ticks_say() -> None:
    steps, values = np.array([10.0, 40.0, 50.0]), np.array([4.0, 1.0, 2.5])
    chart = draw_chart("loss", [Series(0, steps, values)], ["a"])
    heights = {float(tick.text): tick.place for tick in chart.up}
    low, high = min(heights), max(heights)
    slope = (heights[high] - heights[low]) / (high - low)
    left, right = chart.across
    width = (right.place - left.place) / float(right.text)
    [line] = chart.lines
    for (x, y), step, value in zip(points(line.path), steps, values, strict=True):
        assert x == pytest.approx(left.place + width * step, abs=0.11)
        assert y == pytest.approx(heights[low] + slope * (value - low), abs=0.11)
    assert chart.summary == "loss over 50 steps; a: from 4 to 2.5"


def test_runs_share_a_scale() -> None:
    short = Series(0, np.array([0.0, 10.0]), np.array([1.0, 2.0]))
    long = Series(1, np.array([0.0, 20.0]), np.array([3.0, 2.0]))
    one, other = draw_chart("loss", [short, long], ["a", "b"]).lines
    assert points(one.path)[1][1] == points(other.path)[1][1]
    assert points(one.path)[1][0] < points(other.path)[1][0]


@pytest.mark.parametrize("value", [0.0, 3.0, -2.0])
def test_a_single_number_is_a_dot(value: float) -> None:
    [line] = draw_chart("x", [Series(0, np.array([0.0]), np.array([value]))], ["a"]).lines
    assert points(line.path) == [(line.x, line.y)]


def test_a_long_line_is_thinned_to_means() -> None:
    count = 10 * MAX_POINTS
    series = Series(0, np.arange(count, dtype=float), np.tile([0.0, 2.0], count // 2))
    [line] = draw_chart("x", [series], ["a"]).lines
    assert len(points(line.path)) == MAX_POINTS
    assert len({y for _, y in points(line.path)}) == 1


@pytest.mark.parametrize(("low", "high"), [(0.2, 0.21), (0, 1), (-3, 5e6), (99.9, 100.2), (0, 7)])
def test_ticks_are_few_and_within(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 2 <= len(found) <= 6
    assert low <= found[0] < found[-1] <= high
    assert np.ptp(np.diff(found)) == pytest.approx(0, abs=1e-9 * (high - low))
