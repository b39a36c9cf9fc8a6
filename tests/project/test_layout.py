"""Where a test lies follows from what it tests."""

from pathlib import Path

from m3net.workflows.registry import COMMANDS
from tests.support.commands import ROOT

UNIT, SOURCE = ROOT / "tests" / "unit", ROOT / "src" / "m3net"
FOLDERS = {"campaigns", "commands", "distributed", "hostile", "project", "support", "unit"}


def named_after(file: Path, names: set[str]) -> bool:
    """Return whether a file is called test_<name>.py or test_<name>_<aspect>.py."""
    return any(f"{file.stem}_".startswith(f"test_{name}_") for name in names)


def test_folders_of_tests() -> None:
    folders = {entry.name for entry in (ROOT / "tests").iterdir() if entry.is_dir()}
    assert folders - {"__pycache__"} == FOLDERS


def test_unit_tests_mirror_the_source() -> None:
    for file in UNIT.rglob("test_*.py"):
        folder = SOURCE / file.parent.relative_to(UNIT)
        assert folder.is_dir(), file
        assert named_after(file, {entry.stem for entry in folder.iterdir()}), file


def test_commands_have_files_of_their_own() -> None:
    files = list((ROOT / "tests" / "commands").glob("test_*.py"))
    for file in files:
        assert named_after(file, {*COMMANDS, "help"}), file
    tested = {name for name in COMMANDS if any(named_after(file, {name}) for file in files)}
    assert set(COMMANDS) == tested
