"""Averaged weights: by hand on numbers, and through checkpoints, tests and breaks of a training."""

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from m3net.data.datamodules import LoadingConfig, SyntheticDataModule
from m3net.errors import ConfigError
from m3net.models import M3NetConfig
from m3net.training.callbacks.weight_average import WeightAverage
from m3net.training.optimization import OptimizerConfig
from m3net.training.task import M3NetTask


class Counter(L.LightningModule):
    """Its weight, and a buffer like it, grow by 11 with each step; each epoch has one step."""

    statistic: Tensor
    count: Tensor
    seen: Tensor
    constant: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.register_buffer("statistic", torch.zeros(1))
        self.register_buffer("count", torch.tensor(0))
        self.register_buffer("seen", torch.tensor([False, True]))
        self.register_buffer("constant", torch.arange(3000), persistent=False)
        self.validated: list[float] = []
        self.trained: list[float] = []
        self.tested: list[float] = []

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        del batch, batch_idx
        self.trained.append(self.weight.item())
        self.statistic += 11
        self.count += 7
        self.seen[0] = len(self.trained) > 2
        return -11 * self.weight.sum()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        del batch, batch_idx
        self.validated.append(self.weight.item())
        # The second epoch is the best.
        self.log("score", float(self.current_epoch == 1))

    def test_step(self, batch: Tensor, batch_idx: int) -> None:
        del batch, batch_idx
        self.tested.append(self.weight.item())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)


ONE_BATCH = DataLoader(TensorDataset(torch.zeros(1)))


def trainer(folder: Path, epochs: int, *callbacks: Callback, **more: Any) -> L.Trainer:  # noqa: ANN401 - its own
    return L.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=epochs,
        callbacks=list(callbacks),
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=any(isinstance(own, ModelCheckpoint) for own in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **more,
    )


# The weight is 11, 22 and 33 after the steps. The second step keeps 2/11, the third 3/12, or less
# where the decay is lower: 2/11 of 11 and 9/11 of 22 are 20, 3/12 of 20 and 9/12 of 33 are 29.75,
# 1/5 of 20 and 4/5 of 33 are 30.4.
BY_HAND = {0.998: [11.0, 20.0, 29.75], 0.2: [11.0, 20.0, 30.4], 0.0: [11.0, 22.0, 33.0]}


@pytest.mark.parametrize("decay", BY_HAND)
def test_averages_by_hand_are_what_is_validated_and_left(tmp_path: Path, decay: float) -> None:
    task = Counter()
    trainer(tmp_path, 3, WeightAverage(decay)).fit(task, ONE_BATCH, ONE_BATCH)
    assert task.validated == pytest.approx(BY_HAND[decay])
    assert task.trained == [0, 11, 22], "the training goes on from its own weights"
    assert task.weight.item() == task.statistic.item() == pytest.approx(BY_HAND[decay][-1])
    assert (task.count.item(), task.seen.tolist()) == (21, [True, True])
    assert torch.equal(task.constant, torch.arange(3000))


def test_a_long_average_is_a_plain_exponential_one(tmp_path: Path) -> None:
    task = Counter()
    trainer(tmp_path, 60, WeightAverage(0.5)).fit(task, ONE_BATCH, ONE_BATCH)
    # A line that grows by 11 a step is 11 decay / (1 - decay) ahead of its average.
    assert task.weight.item() == pytest.approx(60 * 11 - 11, rel=1e-5)
    assert task.count.item() == 60 * 7


def test_only_steps_of_the_optimizer_count(tmp_path: Path) -> None:
    task = Counter()
    two = DataLoader(TensorDataset(torch.zeros(6)))
    own = trainer(tmp_path, 1, WeightAverage(), accumulate_grad_batches=2)
    own.fit(task, two, ONE_BATCH)
    assert own.global_step == 3
    assert task.weight.item() == pytest.approx(29.75)


def test_a_checkpoint_has_averages_as_its_weights_and_tests_take_them(tmp_path: Path) -> None:
    task = Counter()
    keep = ModelCheckpoint(tmp_path, "{epoch}", monitor="score", mode="max", save_top_k=-1)
    own = trainer(tmp_path, 3, WeightAverage(), keep)
    own.fit(task, ONE_BATCH, ONE_BATCH)
    best, last = (torch.load(tmp_path / f"epoch={epoch}.ckpt") for epoch in (1, 2))
    for contents, average, current in ((best, 20.0, 22.0), (last, 29.75, 33.0)):
        assert contents["state_dict"]["weight"].item() == pytest.approx(average)
        assert contents["current_model_state"]["weight"].item() == current
        assert contents["state_dict"].keys() == contents["current_model_state"].keys()
    own.test(task, ONE_BATCH, ckpt_path="best", verbose=False)
    assert task.tested == pytest.approx([20])
    # What is validated after that is what was tested.
    own.validate(task, ONE_BATCH, verbose=False)
    assert task.validated == pytest.approx([11, 20, 29.75, 20])


def test_a_last_checkpoint_without_a_validation_has_both(tmp_path: Path) -> None:
    keep = ModelCheckpoint(tmp_path, save_last=True, save_top_k=0)
    trainer(tmp_path, 3, WeightAverage(), keep).fit(Counter(), ONE_BATCH)
    last = torch.load(tmp_path / "last.ckpt")
    assert last["state_dict"]["weight"].item() == pytest.approx(29.75)
    assert last["current_model_state"]["weight"].item() == 33


def test_a_training_without_averages_goes_on_with_them(tmp_path: Path) -> None:
    keep = ModelCheckpoint(tmp_path, filename="plain")
    trainer(tmp_path, 1, keep).fit(Counter(), ONE_BATCH, ONE_BATCH)
    task = Counter()
    own = trainer(tmp_path, 3, WeightAverage())
    own.fit(task, ONE_BATCH, ONE_BATCH, ckpt_path=str(tmp_path / "plain.ckpt"))
    # The first step with them sets them: 22, then 2/11 22 + 9/11 33 = 31.
    assert task.validated == pytest.approx([22, 31])


class States(Callback):
    """Notes the weights that a training starts from."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        del trainer
        self.first = {name: value.clone() for name, value in pl_module.state_dict().items()}


def test_an_interrupted_training_ends_as_one_without_a_break(tmp_path: Path) -> None:
    loading = LoadingConfig(image_size=32, batch_size=12, num_workers=0, augmentation="none")
    data = SyntheticDataModule(num_images=60, drawn_size=32, loading=loading)
    network = M3NetConfig(
        backbone="test_resnet", pretrained=False, attention_dim=8, value_dim=8, class_dim=4
    )
    steady = OptimizerConfig(schedule="constant", warmup=0.0)

    def train(name: str, epochs: int, seed: int, start: Path | None = None) -> States:
        torch.manual_seed(seed)
        task = M3NetTask(data.class_counts(), network, optimizer=steady)
        witness = States()
        keep = ModelCheckpoint(tmp_path, filename=name)
        own = trainer(tmp_path, epochs, WeightAverage(), witness, keep)
        own.fit(task, datamodule=data, ckpt_path=None if start is None else str(start))
        return witness

    train("whole", 2, seed=0)
    train("half", 1, seed=0)
    witness = train("rest", 2, seed=99, start=tmp_path / "half.ckpt")
    whole, half, rest = (
        torch.load(tmp_path / f"{name}.ckpt") for name in ("whole", "half", "rest")
    )
    for name, value in half["current_model_state"].items():
        assert torch.equal(witness.first[name], value), name
    for part in ("state_dict", "current_model_state", "averaging_state"):
        for name, value in whole[part].items():
            assert torch.equal(rest[part][name], value), name
    assert rest["averaging_state"]["n_averaged"] == 2 * 3
    moved = [
        name
        for name, value in whole["state_dict"].items()
        if not torch.equal(value, whole["current_model_state"][name])
    ]
    assert "retriever.network.transform" in moved
    assert not any(name.endswith(("num_batches_tracked", "seen")) for name in moved)


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_a_decay_out_of_range_is_refused(decay: float) -> None:
    with pytest.raises(ConfigError, match=r"in \[0, 1\)"):
        WeightAverage(decay)
