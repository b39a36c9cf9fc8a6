"""Training on triplets of one attribute, with the optimizer of those who proposed it."""

from pathlib import Path

import pytest
import torch

from tests.support.commands import Command


def test_a_training_on_triplets_takes_the_steps_that_are_asked_for(
    m3net: Command, settings: Path, tmp_path: Path
) -> None:
    done = m3net(
        *("fit", "--config", settings, "--runs", tmp_path),
        *("--data.loading.sampling=triplets", "--data.loading.batch_size=12"),
        "--data.loading.triplets_per_epoch=22",
        *("--model.optimizer.algorithm=adam", "--model.optimizer.weight_decay=0"),
        *("--model.optimizer.schedule=step", "--model.optimizer.step_epochs=1"),
        *("--model.optimizer.lr=1e-4", "--model.optimizer.warmup=0"),
    )
    assert done.returncode == 0, done.stderr
    file = tmp_path / "shop" / "0" / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(file, weights_only=True)
    # 22 triplets fill five batches of four; the rate falls by a tenth after the epoch.
    assert checkpoint["global_step"] == 5
    [state] = checkpoint["optimizer_states"]
    assert [group["lr"] for group in state["param_groups"]] == pytest.approx([0.9e-4] * 2)
    assert checkpoint["datamodule_hyper_parameters"]["loading"]["sampling"] == "triplets"
