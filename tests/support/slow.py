"""Which tests `make test-fast` leaves out: those that train, start processes or take seconds."""

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FIXTURES = frozenset({"guard", "m3net", "process"})  # these run commands
FOLDERS = frozenset({"campaigns", "commands", "distributed", "hostile"})
MODULES = frozenset(
    {
        "project/test_configs.py",
        "project/test_docs.py",
        "project/test_extending.py",
        "project/test_extras.py",
        "project/test_imports.py",
        "project/test_sweep_configs.py",
        "project/test_wheel.py",
        "unit/base/test_environment.py",
        "unit/base/test_process_tree.py",
        "unit/base/test_signals.py",
        "unit/data/annotations/test_annotation_file_bombs.py",
        "unit/data/photos/test_check.py",
        "unit/data/photos/test_preparation.py",
        "unit/metrics/ranking/test_gpu.py",
        "unit/models/test_extractor.py",
        "unit/training/callbacks/test_finite_steps.py",
        "unit/training/callbacks/test_process_watch.py",
        "unit/training/test_resume.py",
        "unit/training/test_task.py",
    }
)


def is_slow(test: pytest.Item) -> bool:
    """Return whether a test lies in a slow folder or module, or runs commands."""
    path = test.path.relative_to(TESTS) if test.path.is_relative_to(TESTS) else test.path
    fixtures = set(test.fixturenames) if isinstance(test, pytest.Function) else set()
    return (
        path.parts[0] in FOLDERS or path.as_posix() in MODULES or not fixtures.isdisjoint(FIXTURES)
    )
