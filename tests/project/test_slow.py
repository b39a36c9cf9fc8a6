"""What the inner loop leaves out has names that exist; the rest is not marked."""

import pytest

from tests.support.slow import FOLDERS, MODULES, TESTS


def test_slow_tests_exist() -> None:
    assert all((TESTS / folder).is_dir() for folder in FOLDERS)
    assert all((TESTS / module).is_file() for module in MODULES)


def test_other_tests_are_not_marked(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("slow") is None


@pytest.mark.usefixtures("m3net")
def test_users_of_commands_are_marked(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("slow") is not None
