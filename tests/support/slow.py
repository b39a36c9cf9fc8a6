"""Which tests `make test-fast` leaves out: those that train, start processes or take seconds."""

import pytest

FIXTURES = frozenset({"guard", "m3net", "process"})  # these run commands
MODULES = frozenset(
    {
        "test_bombs",
        "test_catalogue",
        "test_check",
        "test_compare",
        "test_configs",
        "test_gpu",
        "test_distributed",
        "test_environment",
        "test_finite",
        "test_fuzz",
        "test_help",
        "test_hostile_files",
        "test_hostile_names",
        "test_imports",
        "test_lightning",
        "test_prepare",
        "test_process_group",
        "test_progress",
        "test_resume",
        "test_starter",
        "test_stopping",
        "test_sweep",
        "test_task",
        "test_two_processes",
        "test_watch",
    }
)


def is_slow(test: pytest.Item) -> bool:
    """Return whether a test is in one of the modules or uses one of the fixtures."""
    fixtures = set(test.fixturenames) if isinstance(test, pytest.Function) else set()
    return test.path.stem in MODULES or not fixtures.isdisjoint(FIXTURES)
