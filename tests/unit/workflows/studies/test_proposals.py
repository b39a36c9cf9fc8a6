"""Proposals: all of a grid, draws within their ranges, and more of what scored high."""

import math
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from m3net.workflows.studies.proposals import propose
from m3net.workflows.studies.sweep_file import Trial, Values
from tests.support.sweeps import sweep_of

RANGES: dict[str, dict[str, Any]] = {
    "even": {"min": -1.5, "max": 2.0},
    "logarithmic": {"distribution": "log_uniform_values", "min": 1.0e-5, "max": 0.1},
    "whole": {"min": 2, "max": 5},
    "stepped": {"distribution": "q_uniform", "min": 0.0, "max": 0.4, "q": 0.1},
    "sizes": {"distribution": "q_uniform", "min": 16, "max": 256, "q": 16},
    "kind": {"values": ["a", None, [8, 32], True]},
    "fixed": {"value": 7},
}


@pytest.fixture(scope="module")
def drawn() -> list[Values]:
    return [propose(sweep_of("random", RANGES), 0, number, []) for number in range(200)]


def column(drawn: list[Values], name: str) -> list[Any]:
    return [values[name] for values in drawn]


def test_a_grid_is_the_product_of_all_values() -> None:
    parameters: dict[str, dict[str, Any]]
    parameters = {"b": {"values": ["x", "y"]}, "a": {"min": 1, "max": 3}, "c": RANGES["stepped"]}
    expected = list(product(["x", "y"], [1, 2, 3], [0.0, 0.1, 0.2, 0.3, 0.4]))
    sweep = sweep_of("grid", parameters)
    proposals = [propose(sweep, 0, number, []) for number in range(30)]
    assert [tuple(values.values()) for values in proposals] == expected
    assert all(list(values) == ["b", "a", "c"] for values in proposals)


def test_draws_lie_within_their_ranges_and_reach_all_of_it(drawn: list[Values]) -> None:
    ends = {"even": (-1.5, 2.0), "logarithmic": (1e-5, 0.1)}
    for name, (low, high) in ends.items():
        assert all(low <= value <= high for value in column(drawn, name)), name
    assert {*column(drawn, "whole")} == {2, 3, 4, 5}
    assert {*column(drawn, "stepped")} == {0.0, 0.1, 0.2, 0.3, 0.4}
    assert {*column(drawn, "sizes")} == {*range(16, 257, 16)}
    assert {str(value) for value in column(drawn, "kind")} == {"a", "None", "[8, 32]", "True"}
    assert {*column(drawn, "fixed")} == {7}
    assert all(isinstance(value, int) for value in column(drawn, "whole") + column(drawn, "sizes"))


def test_logarithms_are_even(drawn: list[Values]) -> None:
    low, high = math.log(1e-5), math.log(0.1)
    shares = [(math.log(value) - low) / (high - low) for value in column(drawn, "logarithmic")]
    quarters = [sum(place <= 4 * share < place + 1 for share in shares) for place in range(4)]
    # 50 each, with a standard deviation of 6.
    assert sum(quarters) == len(drawn) == 200
    assert all(26 <= number <= 74 for number in quarters)


def test_a_draw_depends_on_seed_and_number_alone(drawn: list[Values]) -> None:
    sweep = sweep_of("random", RANGES)
    # As after an interruption: later trials first, and others already scored.
    tried = [Trial(0, drawn[0], score=0.5), Trial(1, drawn[1])]
    again = [propose(sweep, 0, number, tried) for number in (7, 3)]
    assert again == [drawn[7], drawn[3]]
    assert propose(sweep, 1, 3, []) != drawn[3]
    assert len({*column(drawn, "even")}) == len(drawn)


def test_bayes_draws_more_of_what_was_good() -> None:
    parameters = {"lr": RANGES["logarithmic"], "margin": {"min": 0.0, "max": 1.0}}
    sweep = sweep_of("bayes", parameters | {"kind": {"values": ["good", "bad"]}})

    def score(values: Values) -> float:
        miss: float = abs(math.log10(values["lr"]) + 3) / 4 + abs(values["margin"] - 0.3)
        return -miss if values["kind"] == "bad" else 1 - miss

    tried: list[Trial] = []
    for number in range(40):
        values = propose(sweep, 0, number, tried)
        assert values == propose(sweep, 0, number, tried)
        tried.append(Trial(number, values, score=score(values)))
    first, last = tried[:10], tried[30:]
    means = [sum(trial.score or 0 for trial in some) / 10 for some in (first, last)]
    assert means[1] > means[0] + 0.3


def test_bayes_takes_trials_that_still_run_and_values_that_are_no_numbers() -> None:
    sweep, tried = sweep_of("bayes", RANGES), list[Trial]()
    for number in range(14):
        values = propose(sweep, 3, number, tried)
        tried.append(Trial(number, values, score=None if number % 3 == 0 else number / 20))
    others = [replace(trial, score=trial.score or 0.9) for trial in tried]
    assert propose(sweep, 3, 14, tried) != propose(sweep, 3, 14, others)
