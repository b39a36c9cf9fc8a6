"""Trainings that meet bad numbers, no memory, and loader processes that die or hang."""

import csv
import json
import os
import signal
from pathlib import Path
from subprocess import CompletedProcess

import pandas as pd
import pytest

from tests.support.commands import ROOT, Command, Refusal

ADD = "--trainer.callbacks+=tests.support.faults."
TWO = ("--trainer.strategy=ddp", "--trainer.devices=2")
TRAIN = "--data.fractions=[0.8,0.1,0.1]"
"""By which the seventh image is one to train on; reports of small splits come before the error."""
HERE = str(ROOT)


@pytest.fixture
def fit(m3net: Command, settings: Path, tmp_path: Path) -> Command:
    """Give a function that trains on the shop with a fault."""

    def run(*words: object) -> CompletedProcess[str]:
        return m3net("fit", "--config", settings, "--runs", tmp_path / "runs", *words)

    return run


def last_line(done: CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_a_loss_that_is_no_number_stops_a_training(
    fit: Command, refusal: Refusal, tmp_path: Path
) -> None:
    sentence = refusal(fit(f"{ADD}Poison", "--trainer.callbacks.batches=[2]"))
    run = tmp_path / "runs" / "shop" / "0"
    assert "step 2: instance, center, loss, gradient not finite on images/" in sentence
    assert "and 11 more" in sentence
    assert "No checkpoint was written before it" in sentence
    assert "by nonfinite=skip" in sentence
    assert len(pd.read_csv(run / "nonfinite.csv")) == 16
    assert not (run / "metrics.json").exists()


def test_two_processes_leave_out_the_same_step(
    process: Command, settings: Path, tmp_path: Path
) -> None:
    """Only one of them meets it; if the other took the step, their weights would differ."""
    words = ("fit", "--config", settings, "--runs", tmp_path / "runs", *TWO, "--nonfinite=skip")
    fault = (f"{ADD}Poison", "--trainer.callbacks.batches=[0]", "--trainer.callbacks.rank=1")
    check = (f"{ADD}SameWeights",)
    path = os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")])
    done = process(*words, *fault, *check, cwd=tmp_path, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the step is skipped, 1 so far") == 1, "only the first one speaks"
    run = tmp_path / "runs" / "shop" / "0"
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert (metrics["steps"], metrics["skipped_steps"]) == (2, 1)
    assert len(pd.read_csv(run / "nonfinite.csv")["image"].unique()) == 32, "those of both"
    with (run / "metrics.csv").open(encoding="utf-8") as file:
        skipped = [row["train/skipped_steps"] for row in csv.DictReader(file)]
    assert [float(number) for number in skipped if number] == [1.0, 1.0]


def test_where_memory_ends_the_sizes_are_named(fit: Command, refusal: Refusal) -> None:
    sentence = refusal(fit(f"{ADD}NoMemory"))
    assert "out of memory with batch_size 16 at image_size 48 (CUDA out of memory)" in sentence
    assert "lower data.loading.batch_size" in sentence


def test_a_loader_process_that_dies_is_named_with_its_image(fit: Command) -> None:
    image = ("--trainer.callbacks.image=images/000007.png", "--trainer.callbacks.what=die")
    workers = ("--data.loading.num_workers=2", TRAIN)
    sentence = last_line(fit(f"{ADD}BadReader", *image, *workers))
    assert "a worker died (DataLoader worker (pid" in sentence
    # Torch says either, as it notices.
    assert "is killed by signal: Killed)" in sentence or "exited unexpectedly)" in sentence
    assert ") while reading images/000007.png (" in sentence
    assert "row 9)" in sentence
    assert "With num_workers 0" in sentence


def test_a_loader_process_that_dies_after_a_signal_is_taken_for_a_part_of_the_stop(
    fit: Command,
) -> None:
    image = ("--trainer.callbacks.image=images/000007.png", "--trainer.callbacks.what=stop")
    done = fit(f"{ADD}BadReader", *image, "--data.loading.num_workers=1", TRAIN)
    assert done.returncode == 75, done.stderr
    assert "m3net: stopped by SIGTERM and can go on: m3net fit --resume" in done.stderr


def test_a_loader_process_that_hangs_is_named_with_its_image(fit: Command) -> None:
    image = ("--trainer.callbacks.image=images/000007.png", "--trainer.callbacks.what=hang")
    workers = ("--data.loading.num_workers=1", "--data.loading.timeout=4", TRAIN)
    sentence = last_line(fit(f"{ADD}BadReader", *image, *workers))
    assert "no worker returned a batch within 4 seconds while reading images/000007.png" in (
        sentence
    )
    assert "raise data.loading.timeout" in sentence


def test_an_image_of_too_many_pixels_is_named(fit: Command, refusal: Refusal) -> None:
    sentence = refusal(fit("--data.loading.max_pixels=2000"))
    assert "48 x 48 are more than 2000 pixels (data.loading.max_pixels)" in sentence
    assert ".png (" in sentence


def test_a_test_that_is_stopped_by_hand_says_so(m3net: Command, own_run: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        done = m3net("test", "--ckpt_path", own_run, f"{ADD}Interrupt")
    finally:
        # Lightning ignores the next ones.
        signal.signal(signal.SIGINT, before)
    assert done.returncode == 130
    assert done.stderr.splitlines()[-1] == "m3net: stopped"
    assert "Traceback" not in done.stderr
