"""What a sweep tries: all of a grid, draws within their ranges, and more of what was good."""

import math
from itertools import product
from typing import Any

import pytest

from m3net.workflows.studies.sweep.parameters import read_parameter
from m3net.workflows.studies.sweep.proposals import Tried, propose
from m3net.workflows.studies.sweep.space import Space, Values

RANGES: dict[str, dict[str, Any]] = {
    "even": {"min": -1.5, "max": 2.0},
    "logarithmic": {"distribution": "log_uniform_values", "min": 1.0e-5, "max": 0.1},
    "inverse": {"distribution": "inv_log_uniform_values", "min": 0.01, "max": 10.0},
    "powers": {"distribution": "log_uniform", "min": -3, "max": 1},
    "inverse_powers": {"distribution": "inv_log_uniform", "min": -1, "max": 3},
    "whole": {"min": 2, "max": 5},
    "stepped": {"distribution": "q_uniform", "min": 0.0, "max": 0.4, "q": 0.1},
    "sizes": {"distribution": "q_log_uniform_values", "min": 16, "max": 256, "q": 16},
    "kind": {"values": ["a", None, [8, 32], True]},
    "fixed": {"value": 7},
}


def space_of(given: dict[str, dict[str, Any]]) -> Space:
    return {name: read_parameter(own) for name, own in given.items()}


@pytest.fixture(scope="module")
def drawn() -> list[Values]:
    return [propose("random", space_of(RANGES), 0, number, []) for number in range(200)]


def column(drawn: list[Values], name: str) -> list[Any]:
    return [values[name] for values in drawn]


def test_a_grid_is_the_product_of_all_values() -> None:
    given: dict[str, dict[str, Any]]
    given = {"b": {"values": ["x", "y"]}, "a": {"min": 1, "max": 3}, "c": RANGES["stepped"]}
    expected = list(product(["x", "y"], [1, 2, 3], [0.0, 0.1, 0.2, 0.3, 0.4]))
    found = [propose("grid", space_of(given), 0, number, []) for number in range(30)]
    assert [tuple(values.values()) for values in found] == expected
    assert all(list(values) == ["b", "a", "c"] for values in found)


def test_draws_lie_within_their_ranges_and_reach_all_of_it(drawn: list[Values]) -> None:
    ends = {"even": (-1.5, 2.0), "logarithmic": (1e-5, 0.1), "inverse": (0.01, 10.0)}
    ends |= {name: (math.exp(-3), math.exp(1)) for name in ("powers", "inverse_powers")}
    for name, (low, high) in ends.items():
        assert all(low <= value <= high for value in column(drawn, name)), name
    assert {*column(drawn, "whole")} == {2, 3, 4, 5}
    assert {*column(drawn, "stepped")} == {0.0, 0.1, 0.2, 0.3, 0.4}
    assert {*column(drawn, "sizes")} <= {*range(16, 257, 16)}
    assert {str(value) for value in column(drawn, "kind")} == {"a", "None", "[8, 32]", "True"}
    assert {*column(drawn, "fixed")} == {7}
    assert all(isinstance(value, int) for value in column(drawn, "whole") + column(drawn, "sizes"))


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("logarithmic", math.log(1e-5), math.log(0.1)), ("inverse_powers", -3, 1)],
)
def test_logarithms_are_even(drawn: list[Values], name: str, low: float, high: float) -> None:
    shares = [(math.log(value) - low) / (high - low) for value in column(drawn, name)]
    quarters = [sum(place <= 4 * share < place + 1 for share in shares) for place in range(4)]
    # 50 each, with a standard deviation of 6.
    assert sum(quarters) == len(drawn) == 200
    assert all(26 <= number <= 74 for number in quarters)


def test_a_draw_depends_on_seed_and_number_alone(drawn: list[Values]) -> None:
    space = space_of(RANGES)
    # As after an interruption: later trials first, and others already scored.
    tried = [Tried(drawn[0], 0.5), Tried(drawn[1], None)]
    again = [propose("random", space, 0, number, tried) for number in (7, 3)]
    assert again == [drawn[7], drawn[3]]
    assert propose("random", space, 1, 3, []) != drawn[3]
    assert len({*column(drawn, "even")}) == len(drawn)


def test_bayes_draws_more_of_what_was_good() -> None:
    given = {"lr": RANGES["logarithmic"], "margin": {"min": 0.0, "max": 1.0}}
    given["kind"] = {"values": ["good", "bad"]}
    space = space_of(given)

    def score(values: Values) -> float:
        miss: float = abs(math.log10(values["lr"]) + 3) / 4 + abs(values["margin"] - 0.3)
        return -miss if values["kind"] == "bad" else 1 - miss

    tried: list[Tried] = []
    for number in range(40):
        values = propose("bayes", space, 0, number, tried)
        assert values == propose("bayes", space, 0, number, tried)
        tried.append(Tried(values, score(values)))
    first, last = tried[:10], tried[30:]
    means = [sum(trial.score or 0 for trial in some) / 10 for some in (first, last)]
    assert means[1] > means[0] + 0.3


def test_bayes_takes_trials_that_still_run_and_values_that_are_no_numbers() -> None:
    space, tried = space_of(RANGES), list[Tried]()
    for number in range(14):
        values = propose("bayes", space, 3, number, tried)
        tried.append(Tried(values, None if number % 3 == 0 else number / 20))
    others = [Tried(trial.values, trial.score or 0.9) for trial in tried]
    assert propose("bayes", space, 3, 14, tried) != propose("bayes", space, 3, 14, others)
