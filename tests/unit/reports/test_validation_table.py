"""The last validation as a table, against numbers worked by hand."""

import math

import pytest

from m3net.base.terminal import Terminal
from m3net.reports.validation_table import Validations, render_validation


@pytest.fixture
def validations() -> Validations:
    validations = Validations(["map_all", "map_100"])
    first = {"map_all": 0.5, "map_all/collar [cm]": 0.25, "map_all/rare": math.nan}
    second = {"map_all": 0.4, "map_all/collar [cm]": 0.3, "map_all/rare": math.nan}
    for epoch, scores in ((3, first), (5, second)):
        validations.add(
            epoch, scores | {"map_100": 0.75, "map_100/collar [cm]": 0.125, "loss": 2.0}
        )
    return validations


def rows(validations: Validations) -> dict[str, list[str]]:
    console = Terminal(width=100)
    with console.capture() as capture:
        console.print(render_validation(validations))
    cells = [line.split("│") for line in capture.get().splitlines() if line.startswith("│")]
    return {cell[1].strip(): [word.strip() for word in cell[2:-1]] for cell in cells}


def test_each_attribute_has_its_change_and_its_best(validations: Validations) -> None:
    assert rows(validations) == {
        "collar [cm]": ["30.00", "+5.00", "30.00", "12.50"],
        "rare": ["-", "-", "-", "-"],
        "overall (by queries)": ["40.00", "-10.00", "50.00", "75.00"],
    }


def test_the_first_validation_has_no_change(validations: Validations) -> None:
    del validations.scores[1], validations.epochs[1]
    assert rows(validations)["collar [cm]"] == ["25.00", "-", "25.00", "12.50"]


def test_the_headline_names_the_best_epoch(validations: Validations) -> None:
    assert validations.headline() == "val MAP@all 40.00 (best 50.00 in epoch 3)"
