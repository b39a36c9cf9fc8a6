"""What the inner loop leaves out has names that exist; the rest is not marked."""

from pathlib import Path

import pytest

from tests.support.slow import MODULES


def test_slow_modules_exist() -> None:
    assert {file.stem for file in Path(__file__).parent.rglob("test_*.py")} >= MODULES


def test_other_tests_are_not_marked(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("slow") is None


@pytest.mark.usefixtures("m3net")
def test_users_of_commands_are_marked(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("slow") is not None
