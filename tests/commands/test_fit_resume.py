"""Killed and stopped trainings go on to the same bits: a small part of `make kills`."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.campaigns.kills.equality import differences
from tests.support.commands import ROOT, Command, Refusal
from tests.support.zygote import children


@pytest.mark.parametrize(
    ("signals", "kills", "cases"),
    [
        (("SIGKILL",), 3, ("within", "triplets_within")),
        (("SIGTERM", "SIGINT"), 3, ("starting",)),
    ],
)
def test_killed_trainings_end_as_others(
    signals: tuple[str, ...], kills: int, cases: tuple[str, ...]
) -> None:
    words = ["--kills", str(kills), "--signal", *signals, "--case", *cases]
    done = subprocess.run(
        [sys.executable, "-m", "tests.campaigns.kills", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "all ended bit for bit as without" in done.stdout


def test_a_training_by_two_processes_goes_on_to_the_same_bits(
    process: Command, settings: Path, empty_folder: Path, tmp_path: Path
) -> None:
    two = ("--trainer.strategy=ddp", "--trainer.devices=2", "--trainer.max_epochs=4")
    small = ("--model.network.backbone=test_resnet", "--model.network.dropout=0.1")
    words = ("fit", "--config", settings, *two, *small, "--last_every_n_steps=1")
    done = process(*words, "--runs", tmp_path / "whole", cwd=empty_folder)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "killed" / "shop" / "0"
    command = [sys.executable, "-m", "m3net", *map(str, words), "--runs", str(tmp_path / "killed")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as training:
        while not (run / "checkpoints" / "previous.ckpt").exists():
            assert training.poll() is None
            time.sleep(0.01)
        [other] = children(training.pid)
        os.kill(other, signal.SIGKILL)
        _, said = training.communicate(timeout=60)
    assert training.returncode == 1
    assert "m3net: process 1 of 2 was ended by SIGKILL, so all others end." in said
    done = process("fit", "--resume", run, cwd=empty_folder)
    assert done.returncode == 0, done.stderr
    assert differences(tmp_path / "whole" / "shop" / "0", run) == []


def alike(one: Path, other: Path) -> bool:
    """Tell whether two runs have the same files: but for times and places, of the same bytes."""
    names, others = (
        {str(file.relative_to(run)) for file in run.rglob("*") if file.is_file()}
        for run in (one, other)
    )
    kept = names - {"metrics.json", "config.yaml", "test/report.html"}
    same = ((one / name).read_bytes() == (other / name).read_bytes() for name in kept)
    return names == others and all(same)


def test_a_finished_run_goes_on_with_nothing_and_is_left_as_it_is(
    m3net: Command, trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    assert m3net("train", "--resume", run).returncode == 0
    assert f"{run} is finished, 4 steps: there is nothing to resume" in caplog.text
    assert alike(trained, run)


def test_a_training_stopped_in_its_test_goes_on_with_the_test(
    m3net: Command, trained: Path, tmp_path: Path
) -> None:
    run = tmp_path / "moved"
    shutil.copytree(trained, run, ignore=shutil.ignore_patterns("test", "finished.json"))
    done = m3net("train", "--resume", run)
    assert done.returncode == 0, done.stderr
    assert alike(trained, run)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.yaml", b"trainer: [1"),
        ("config.yaml", b"trainer: \xff"),
        ("config.yaml", b"trainer: 2020-01-01"),
        ("metrics.csv", b"epoch,step\n" + bytes(20) + b"\n"),
        ("metrics.csv", b"epoch,step\n0,1,2\n"),
        ("finished.json", b'{"command": "fit"'),
    ],
)
def test_a_damaged_file_of_a_run_is_named_with_what_to_do(
    m3net: Command, refusal: Refusal, own_run: Path, name: str, content: bytes
) -> None:
    file = own_run / name
    file.unlink(missing_ok=True)
    file.write_bytes(content)
    sentence = refusal(m3net("fit", "--resume", own_run))
    assert f"{file} is not the {name} of a run (" in sentence
    assert file.read_bytes() == content


def test_auto_starts_a_run_and_goes_on_with_it(
    m3net: Command, settings: Path, trained: Path, tmp_path: Path
) -> None:
    words = ("fit", "--config", settings, "--runs", tmp_path, "--resume", "auto")
    shutil.copytree(trained, tmp_path / "shop" / "4", ignore=shutil.ignore_patterns("finished.*"))
    assert m3net(*words, "--trainer.max_epochs=2").returncode == 0
    assert m3net(*words).returncode == 0
    assert sorted(folder.name for folder in (tmp_path / "shop").iterdir()) == ["4", "5"]


def test_other_settings_are_said(
    m3net: Command, trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    done = m3net("fit", "--resume", run, "--trainer.max_epochs=2", "--model.optimizer.lr=0.1")
    assert done.returncode == 0, done.stderr
    said = "trainer.max_epochs was 1 and is 2; model.optimizer.lr was 0.001 and is 0.1"
    assert f"resumes with other settings than before: {said}." in caplog.text
    done = m3net("fit", "--resume", run, "--trainer.max_epochs=3", "--model.network.dropout=0.5")
    assert done.returncode == 2
    assert "model.network.init_args.dropout was 0.0 and is 0.5" in done.stderr
