"""`m3net fit`: a training repeated from its settings, and one that goes on."""

from pathlib import Path

import torch

from tests.support.commands import Command


def test_a_run_can_be_repeated_from_its_own_settings(
    m3net: Command, trained: Path, runs: Path
) -> None:
    before = {folder.name for folder in trained.parent.iterdir()}
    done = m3net("fit", "--config", trained / "config.yaml", "--runs", runs)
    assert done.returncode == 0, done.stderr
    [number] = {folder.name for folder in trained.parent.iterdir()} - before
    assert number == str(max(map(int, before)) + 1)
    first, second = (
        torch.load(runs / "shop" / name / "checkpoints" / "best.ckpt")["state_dict"]
        for name in ("0", number)
    )
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_training_goes_on_where_it_ended(
    m3net: Command, settings: Path, trained: Path, tmp_path: Path
) -> None:
    more = ("--trainer.max_epochs=2", "--ckpt_path", trained)
    done = m3net("fit", "--config", settings, "--runs", tmp_path, *more)
    assert done.returncode == 0, done.stderr
    last = "checkpoints/last.ckpt"
    before, after = torch.load(trained / last), torch.load(tmp_path / "shop" / "0" / last)
    assert (before["epoch"], after["epoch"]) == (0, 1)
    assert after["global_step"] == 2 * before["global_step"] == 8
