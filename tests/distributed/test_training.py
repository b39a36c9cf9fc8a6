"""Training and testing with two processes on the CPU, as on two GPUs."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from tests.support.commands import NO_GALLERY, Command
from tests.support.zygote import true_starts

TWO = ("--trainer.strategy=ddp", "--trainer.devices=2")


@pytest.fixture(scope="module")
def trained_by_two(
    process: Command, settings: Path, empty_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The run folder of a training and test by two processes."""
    runs = tmp_path_factory.mktemp("two")
    done = process("train", "--config", settings, "--runs", runs, *TWO, cwd=empty_folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("overall (by queries)") == 1, "only the first process speaks"
    assert "sync_dist" not in done.stderr
    assert [folder.name for folder in (runs / "shop").iterdir()] == ["0"]
    assert list(empty_folder.iterdir()) == []
    return runs / "shop" / "0"


def test_one_process_tests_as_two_do(m3net: Command, trained_by_two: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained_by_two, run, ignore=shutil.ignore_patterns("test", "last.ckpt"))
    done = m3net(
        "test", "--ckpt_path", run, "--trainer.devices=1", "--trainer.strategy=auto", NO_GALLERY
    )
    assert done.returncode == 0, done.stderr
    one, two = (
        json.loads((folder / "test" / "scores.json").read_text(encoding="utf-8"))
        for folder in (run, trained_by_two)
    )
    assert [row["attribute"] for row in one] == [row["attribute"] for row in two]
    for ours, theirs in zip(one, two, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-6)


def test_two_processes_share_the_steps_of_an_epoch(trained_by_two: Path) -> None:
    with (trained_by_two / "metrics.csv").open(encoding="utf-8") as file:
        losses = [row for row in csv.DictReader(file) if row["train/loss"]]
    assert len(losses) == 2, "half of the four batches that one process takes"


def test_torchrun_trains_as_processes_do_that_lightning_starts(
    settings: Path, trained_by_two: Path, tmp_path: Path
) -> None:
    words = ["-m", "m3net", "train", "--config", str(settings), *TWO]
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    done = subprocess.run([*start, *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("overall (by queries)") == 1, "only the first process speaks"
    [run] = (tmp_path / "runs" / "shop").iterdir()
    for name in ("test/scores.csv", "test/scores.json"):
        assert (run / name).read_bytes() == (trained_by_two / name).read_bytes()


@pytest.mark.parametrize("killed", ["first", "second"])
def test_one_that_is_killed_while_they_start_ends_both(
    settings: Path, tmp_path: Path, killed: str
) -> None:
    """Before they have met, the other would wait for it for half an hour."""
    words = ["fit", "--config", str(settings), "--runs", str(tmp_path), *TWO]
    command = [sys.executable, "-m", "m3net", *words]
    with true_starts():
        first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    with first:
        other = wait_for_second(first)
        os.kill(first.pid if killed == "first" else other, signal.SIGKILL)
        # Its end is the end of all who could write to it.
        _, said = first.communicate(timeout=30)
    assert "Traceback" not in said
    why = {"first": "the process that started this one is gone", "second": "process 1 of 2"}
    [sentence] = [line for line in said.splitlines() if line.startswith("m3net: ")]
    assert sentence.startswith(f"m3net: {why[killed]}")
    assert sentence.endswith(f"with resume set to '{tmp_path / 'shop' / '0'}'")


def wait_for_second(first: subprocess.Popen[str]) -> int:
    """Give the process that the first one has started, once it is one of its own."""
    children = Path(f"/proc/{first.pid}/task/{first.pid}/children")
    if not children.exists():
        pytest.skip("only Linux tells the children of a process")
    while first.poll() is None:
        for child in children.read_text(encoding="utf-8").split():
            # Libraries ask other programs about the machine, which are gone in a moment.
            with suppress(OSError):
                if b"LOCAL_RANK=1" in Path(f"/proc/{child}/environ").read_bytes():
                    return int(child)
        time.sleep(0.01)
    raise AssertionError("the first one has ended before")


def test_more_processes_than_images_are_refused(
    process: Command, settings: Path, catalogue: Path, tmp_path: Path
) -> None:
    table = pd.read_csv(catalogue, dtype=str)
    whole = table["sleeve_length"].notna() & table["details"].notna()
    table["split"] = ["test" if place % 2 else "train" for place in range(len(table))]
    table["role"] = "both"
    table.loc[table.index[whole][0], "split"] = "val"
    file = catalogue.with_name("one.csv")
    table.to_csv(file, index=False)
    columns = ("--data.columns.split=split", "--data.columns.role=role")
    words = ("fit", "--config", settings, "--data.file", file, *columns)
    done = process(*words, "--runs", tmp_path, *TWO, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    said = {line for line in done.stderr.splitlines() if line.startswith("m3net: the ")}
    [sentence] = said
    assert "the val split has 1 images, fewer than the 2 needed" in sentence
    assert "trainer.devices" in sentence
