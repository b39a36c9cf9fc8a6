"""ASEN++ from its config files: two stages of a training, and what evaluations make of them."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests.support.commands import CONFIGS, Command

TWO = ("--trainer.devices=2", "--trainer.max_epochs=2")


FAITHFUL = [CONFIGS / "setting" / f"{name}.yaml" for name in ("faithful", "faithful_asen_pp")]


@pytest.fixture(scope="module")
def words(settings: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The model and the faithful setting, both as they are, with small numbers after them."""
    small = tmp_path_factory.mktemp("small") / "small.yaml"
    small.write_text(
        "data: {init_args: {loading: {image_size: 48, batch_size: 12, triplets_per_epoch: 12}}}",
        encoding="utf-8",
    )
    files = (settings, CONFIGS / "model/asen_pp.yaml", *FAITHFUL, small)
    return [word for file in files for word in ("--config", str(file))]


@pytest.fixture(scope="module")
def run(m3net: Command, words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of two epochs, the second of them with the local branch, and of a test."""
    runs = tmp_path_factory.mktemp("asen_pp")
    # The last weights are the best, whatever their scores.
    options = ("--trainer.max_epochs=2", "--checkpoint.monitor=null", "--runs", runs)
    start = "--model.network.local.start=0.5"
    done = m3net("train", *words, *options, start)
    assert done.returncode == 0, done.stderr
    return runs / "shop" / "0"


def test_the_local_losses_are_logged_from_the_second_epoch_on(run: Path) -> None:
    with (run / "metrics.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["train/loss"]]
    epochs = {name: [int(row["epoch"]) for row in rows if row[name]] for name in rows[0]}
    assert epochs["train/instance"] == [0, 0, 0, 1, 1, 1]
    assert epochs["train/local"] == epochs["train/align"] == [1, 1, 1]


def vectors(run: Path) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    frame = pd.read_parquet(run / "predict")
    return np.stack(frame["vector"].to_list())


@pytest.mark.parametrize("stage", [1, 2])
def test_evaluations_keep_to_the_stage_of_the_checkpoint(
    m3net: Command, run: Path, catalogue: Path, tmp_path: Path, stage: int
) -> None:
    own = tmp_path / "run"
    shutil.copytree(run, own, ignore=shutil.ignore_patterns("test", "last.ckpt"))
    file = own / "checkpoints" / "best.ckpt"
    contents = torch.load(file, weights_only=True)
    assert contents["state_dict"]["retriever.network.is_local"]
    if stage == 1:
        contents["state_dict"]["retriever.network.is_local"] = torch.tensor(False)
        torch.save(contents, file)
    for command in (("test",), ("predict", "--data.images", catalogue.parent / "images")):
        done = m3net(*command, "--ckpt_path", own)
        assert done.returncode == 0, done.stderr
    found = vectors(own)
    halves = np.split(found, 2, axis=1)
    shares = [(half**2).sum(axis=1) for half in halves]
    expected = (0.6, 0.4) if stage == 2 else (1.0, 0.0)
    for share, size in zip(shares, expected, strict=True):
        np.testing.assert_allclose(share, size, atol=1e-5)
    scores, trained = (
        json.loads((folder / "test" / "scores.json").read_text(encoding="utf-8"))
        for folder in (own, run)
    )
    assert (scores == trained) == (stage == 2)


def test_two_processes_train_both_stages(
    process: Command, words: list[str], empty_folder: Path, tmp_path: Path
) -> None:
    strategy = "--trainer.strategy=ddp_find_unused_parameters_true"
    more = (*TWO, strategy, "--runs", tmp_path, "--trainer.limit_val_batches=0")
    done = process("fit", *words, *more, "--checkpoint.monitor=null", cwd=empty_folder)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "shop/0/metrics.csv").open(encoding="utf-8") as file:
        epochs = [int(row["epoch"]) for row in csv.DictReader(file) if row["train/local"]]
    assert epochs == [1]


def test_plain_ddp_is_refused_with_the_one_that_works(
    process: Command, words: list[str], empty_folder: Path, tmp_path: Path
) -> None:
    # One process waits for gradients as several do.
    done = process(*("fit", *words, "--trainer.strategy=ddp", "--runs", tmp_path), cwd=empty_folder)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    [sentence] = [line for line in done.stderr.splitlines() if line.startswith("m3net: ")]
    assert "trainer.strategy to ddp_find_unused_parameters_true" in sentence
