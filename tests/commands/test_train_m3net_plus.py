"""`m3net train` with m3net_plus and Muon: averaged weights are kept, tested and gone on from."""

from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import torch

from tests.support.commands import CONFIGS, Command

PLUS = (
    *("--config", CONFIGS / "model" / "m3net_plus.yaml"),
    *("--config", CONFIGS / "setting" / "scratch.yaml"),
)
SMALL = ("--model.network.backbone=test_resnet", "--model.metrics.top_k=0")


@pytest.fixture(scope="module")
def done(
    process: Command, settings: Path, empty_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[CompletedProcess[str], Path]:
    """What a training said, and its run folder."""
    runs = tmp_path_factory.mktemp("plus")
    words = ("--config", settings, *PLUS, "--runs", runs, *SMALL)
    rankings = "--rankings=[posterior,class]"
    return process("train", *words, rankings, cwd=empty_folder), runs / "shop" / "0"


def table(folder: Path) -> str:
    return (folder / "scores.csv").read_text(encoding="utf-8")


def test_a_training_says_nothing_that_users_can_do_nothing_about(
    done: tuple[CompletedProcess[str], Path],
) -> None:
    assert done[0].returncode == 0, done[0].stderr
    assert done[0].stderr == ""


def test_the_best_weights_are_averages_of_all_steps(
    done: tuple[CompletedProcess[str], Path],
) -> None:
    best = torch.load(done[1] / "checkpoints" / "best.ckpt")
    assert best["averaging_state"]["n_averaged"] == best["global_step"] > 0
    average, current = best["state_dict"], best["current_model_state"]
    name = "retriever.network.transform"
    assert not torch.equal(average[name], current[name])


def test_a_test_of_the_run_gives_the_scores_of_the_training(
    process: Command, done: tuple[CompletedProcess[str], Path], empty_folder: Path
) -> None:
    run = done[1]
    before = table(run / "test")
    again = process("test", "--ckpt_path", run, cwd=empty_folder)
    assert again.returncode == 0
    assert again.stderr == ""
    assert table(run / "test") == before


@pytest.mark.parametrize("ranking", ["posterior", "class"])
def test_a_validation_of_the_run_gives_the_scores_of_its_rankings(
    m3net: Command, done: tuple[CompletedProcess[str], Path], tmp_path: Path, ranking: str
) -> None:
    run = done[1]
    folder = run if ranking == "posterior" else run / "rankings" / ranking
    (tmp_path / "checkpoints").mkdir()
    for name in ("config.yaml", "checkpoints/best.ckpt"):
        (tmp_path / name).hardlink_to(run / name)
    again = m3net("validate", "--ckpt_path", tmp_path, f"--model.ranking={ranking}")
    assert again.returncode == 0, again.stderr
    assert table(tmp_path / "validate") == table(folder / "validate")


def test_averages_of_a_training_that_goes_on_count_all_steps(
    m3net: Command, settings: Path, done: tuple[CompletedProcess[str], Path], tmp_path: Path
) -> None:
    words = ("--config", settings, *PLUS, "--runs", tmp_path, *SMALL)
    again = m3net("fit", *words, "--trainer.max_epochs=2", "--ckpt_path", done[1])
    assert again.returncode == 0, again.stderr
    before = torch.load(done[1] / "checkpoints" / "last.ckpt")
    after = torch.load(tmp_path / "shop" / "0" / "checkpoints" / "best.ckpt")
    assert after["averaging_state"]["n_averaged"] == after["global_step"]
    assert after["global_step"] == 2 * before["global_step"]


def test_averages_are_those_of_the_weights_after_each_step(
    m3net: Command, settings: Path, tmp_path: Path
) -> None:
    each = ("every_n_train_steps=1", "save_top_k=-1", "monitor=null", "filename={step}")
    words = ("--config", settings, *PLUS, "--runs", tmp_path, *SMALL)
    run = m3net("fit", *words, *(f"--checkpoint.{word}" for word in each))
    assert run.returncode == 0, run.stderr
    found: list[dict[str, Any]] = [
        torch.load(tmp_path / "shop" / "0" / "checkpoints" / f"{step}.ckpt") for step in range(1, 5)
    ]
    assert [own["global_step"] for own in found] == [1, 2, 3, 4]
    average = {name: own.double() for name, own in found[0]["current_model_state"].items()}
    for step, own in enumerate(found, start=1):
        kept = 0 if step == 1 else step / (9 + step)
        for name, value in own["current_model_state"].items():
            if value.is_floating_point():
                average[name] = kept * average[name] + (1 - kept) * value.double()
                torch.testing.assert_close(own["state_dict"][name].double(), average[name])
            else:
                assert torch.equal(own["state_dict"][name], value), name
