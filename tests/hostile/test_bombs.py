"""Small files that would become large: each is refused in bounds of memory and time."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.bombs import parquet_bombs
from tests.support.hostile.guard import Guard, Outcome
from tests.support.hostile.run_bombs import checkpoint_bombs, json_bombs, table_bombs, yaml_bombs
from tests.support.hostile.runs import copy_run

Run = Callable[[list[list[object]]], list[Outcome]]


@pytest.fixture
def run(tmp_path: Path, guard: Guard) -> Run:
    """Give a function that runs commands in one guarded process."""
    return lambda commands: guard.run(commands, inside=[tmp_path], cwd=tmp_path)


def written(file: Path, content: bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


@pytest.mark.promise("checkpoint-bounds")
def test_checkpoints(run: Run, tmp_path: Path) -> None:
    bombs = checkpoint_bombs()
    files = [written(tmp_path / f"{n}.ckpt", own) for n, own in enumerate(bombs.values())]
    outcomes = run([["test", "--ckpt_path", file] for file in files])
    for name, file, outcome in zip(bombs, files, outcomes, strict=True):
        assert str(file) in outcome.sentence, name
        assert len(outcome.sentence) < 1000, name


@pytest.mark.promise("run-bounds")
def test_settings(run: Run, tmp_path: Path, trained: Path) -> None:
    bombs, commands = yaml_bombs(), []
    for number, content in enumerate(bombs.values()):
        place = copy_run(trained, tmp_path / str(number))
        written(place / "config.yaml", content)
        commands += [["train", "--resume", place], ["test", "--ckpt_path", place]]
    for words, outcome in zip(commands, run(commands), strict=True):
        assert f"{words[-1]}/config.yaml is not the config.yaml of a run" in outcome.sentence


@pytest.mark.promise("run-types", "run-bounds")
def test_what_a_run_says_of_itself(run: Run, tmp_path: Path, trained: Path) -> None:
    commands: list[list[object]] = []
    places = [("metrics.json", json_bombs()), ("metrics.csv", table_bombs())]
    places += [("test/scores.csv", table_bombs())]
    for name, bombs in places:
        for kind, content in bombs.items():
            # A number that is too large for a float is infinite, which may be shown.
            if name == "metrics.csv" and kind in ("numbers", "one row"):
                continue
            place = copy_run(trained, tmp_path / f"{len(commands)}")
            written(place / name, content)
            commands.append(["report", trained, place])
    outcomes = run(commands)
    for words, outcome in zip(commands, outcomes, strict=True):
        assert f"{words[-1]}/" in outcome.sentence


@pytest.mark.promise("run-types", "run-bounds")
def test_what_a_training_that_is_resumed_has_left(run: Run, tmp_path: Path, trained: Path) -> None:
    commands: list[list[object]] = []
    for name, bombs in (("finished.json", json_bombs()), ("metrics.csv", table_bombs())):
        for kind, content in bombs.items():
            # Cells that are no numbers, in rows of steps that are kept, stay as they are.
            if name == "metrics.csv" and kind in ("columns", "texts", "numbers"):
                continue
            place = copy_run(trained, tmp_path / f"{len(commands)}")
            written(place / name, content)
            commands.append(["train", "--resume", place])
    for words, outcome in zip(commands, run(commands), strict=True):
        assert f"{words[-1]}/" in outcome.sentence


@pytest.mark.promise("catalogue-bounds")
def test_catalogues(run: Run, tmp_path: Path) -> None:
    bombs = {name: own for name, own in parquet_bombs().items() if name.startswith("table")}
    files = [written(tmp_path / f"{n}.parquet", own) for n, own in enumerate(bombs.values())]
    words = ("data", "stats", "catalogue", "--out", tmp_path / "out", "--file")
    outcomes = run([[*words, file] for file in files])
    for name, file, outcome in zip(bombs, files, outcomes, strict=True):
        assert str(file) in outcome.sentence, name
