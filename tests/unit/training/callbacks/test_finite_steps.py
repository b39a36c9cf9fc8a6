"""Losses and gradients that are no numbers: what is named, and that a step left out leaves all."""

import csv
import math
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import Tensor

from m3net.data.batch import Batch
from m3net.data.datamodules import LoadingConfig, SyntheticDataModule
from m3net.errors import TrainingError
from m3net.models import M3NetConfig
from m3net.training.callbacks import finite_steps as finite
from m3net.training.callbacks.finite_steps import FiniteSteps, NonFiniteStep
from m3net.training.callbacks.weight_average import WeightAverage
from m3net.training.task import M3NetTask
from tests.support.faults import Poison

TINY = M3NetConfig(
    backbone="test_resnet", pretrained=False, attention_dim=8, value_dim=8, class_dim=4
)
BATCHES = 6
"""Of the seven of an epoch, those that make whole steps."""


@pytest.fixture(scope="module")
def data() -> SyntheticDataModule:
    loading = LoadingConfig(image_size=32, batch_size=6, num_workers=0, augmentation="none")
    return SyntheticDataModule(num_images=60, drawn_size=32, loading=loading)


def fit(
    data: SyntheticDataModule,
    folder: Path,
    *callbacks: Callback,
    epochs: int = 1,
    **more: Any,  # noqa: ANN401 - the trainer's own
) -> L.Trainer:
    torch.manual_seed(0)
    keeps = any(isinstance(own, ModelCheckpoint) for own in callbacks)
    trainer = L.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=epochs,
        logger=False,
        default_root_dir=folder,
        callbacks=list(callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=keeps,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        **more,
    )
    trainer.fit(M3NetTask(data.class_counts(), TINY), datamodule=data)
    return trainer


class Diary(L.Callback):
    """Keeps all that a training is made of, before and after each batch, and its images."""

    def __init__(self, average: WeightAverage) -> None:
        self.average = average
        self.before: list[dict[str, Tensor]] = []
        self.after: list[dict[str, Tensor]] = []
        self.images: list[list[str]] = []

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        del batch_idx
        self.before.append(self._state(trainer, pl_module))
        loader: Any = trainer.train_dataloader
        self.images.append([loader.dataset.records.paths[place] for place in batch["index"]])

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *_: object, **__: object
    ) -> None:
        self.after.append(self._state(trainer, pl_module))

    def _state(self, trainer: L.Trainer, module: L.LightningModule) -> dict[str, Tensor]:
        found = {f"task.{name}": value for name, value in module.state_dict().items()}
        assert self.average._average_model is not None
        averages = self.average._average_model.state_dict()
        found |= {f"average.{name}": value for name, value in averages.items()}
        for number, moments in trainer.optimizers[0].state_dict()["state"].items():
            found |= {f"optimizer.{number}.{name}": value for name, value in moments.items()}
        return {name: value.clone() for name, value in found.items()}


def changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    """Name the kinds of values that are no longer the same, to the bit."""
    assert before.keys() <= after.keys()
    names = [name for name in after if name not in before or not after[name].equal(before[name])]
    return {
        next(
            kind for kind in ("centers", "running", "average", "optimizer", "task") if kind in name
        )
        for name in names
    }


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize(("accumulate", "bad"), [(1, [3]), (2, [2]), (2, [3])])
@pytest.mark.parametrize("what", ["vectors", "gradient"])
def test_a_step_left_out_leaves_all_as_it_was(
    data: SyntheticDataModule,
    tmp_path: Path,
    what: Any,  # noqa: ANN401 - a word of Poison
    accumulate: int,
    bad: list[int],
    precision: Any,  # noqa: ANN401 - a word of the trainer
) -> None:
    average, guard = WeightAverage(), FiniteSteps(tmp_path, "skip")
    diary = Diary(average)
    callbacks = (Poison(bad, what), diary, average, guard)
    fit(data, tmp_path, *callbacks, accumulate_grad_batches=accumulate, precision=precision)
    windows = range(0, BATCHES, accumulate)
    struck = [start for start in windows if start <= bad[0] < start + accumulate]
    # Averages follow at the end of a batch, where the diary may have written already.
    diary.after = [*diary.before[1:], diary.after[-1]]
    for start in windows:
        differences = changed(diary.before[start], diary.after[start + accumulate - 1])
        if start in struck:
            assert differences == set()
        elif start + accumulate < BATCHES:
            assert differences == {"centers", "running", "average", "optimizer", "task"}
    assert guard.skipped == 1
    with (tmp_path / "nonfinite.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    # A loss is that of its batch, a gradient that of all batches of the step.
    blamed = bad if what == "vectors" else range(struck[0], struck[0] + accumulate)
    assert [row["image"] for row in rows] == [name for own in blamed for name in diary.images[own]]
    assert {row["step"] for row in rows} == {str(struck[0] // accumulate)}


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(
    ("what", "terms"),
    [
        ("vectors", {"instance", "center", "loss", "gradient"}),
        ("logits", {"classification", "loss", "gradient"}),
        ("gradient", {"gradient"}),
    ],
)
def test_the_error_names_step_terms_images_and_the_last_good_checkpoint(
    data: SyntheticDataModule,
    tmp_path: Path,
    what: Any,  # noqa: ANN401 - a word of Poison
    terms: set[str],
    value: float,
) -> None:
    average = WeightAverage()
    diary = Diary(average)
    folder = tmp_path / "checkpoints"
    keep = ModelCheckpoint(folder, filename="best", every_n_train_steps=2)
    guard = FiniteSteps(tmp_path, "stop")
    with pytest.raises(TrainingError) as caught:
        fit(data, tmp_path, Poison([3], what, value), diary, average, guard, keep)
    text = str(caught.value)
    assert text.startswith("step 3: ")
    assert {*text.removeprefix("step 3: ").split(" not finite")[0].split(", ")} == terms
    assert f"not finite on {', '.join(diary.images[3][:5])} and 1 more;" in text
    assert f"The last good checkpoint is {folder / 'best.ckpt'}" in text
    contents = torch.load(folder / "best.ckpt", weights_only=True)
    assert contents["global_step"] == 2, "the poisoned step is not saved"
    assert all(torch.isfinite(value).all() for value in contents["state_dict"].values())


def test_no_name_of_an_image_is_a_formula(tmp_path: Path) -> None:
    names = ("=cmd().png", "-1.png", "a.png")
    FiniteSteps(tmp_path, "skip")._list_images(NonFiniteStep(3, ("loss", "gradient"), names))
    with (tmp_path / "nonfinite.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == ["'=cmd().png", "'-1.png", "a.png"]
    assert {(row["step"], row["terms"]) for row in rows} == {("3", "loss gradient")}


def test_without_a_checkpoint_the_error_says_so(data: SyntheticDataModule, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="No checkpoint was written before it"):
        fit(data, tmp_path, Poison([0]), FiniteSteps(tmp_path, "stop"))


def test_a_training_that_does_not_move_ends(
    data: SyntheticDataModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finite, "MOST_SKIPPED", 3)
    guard = FiniteSteps(tmp_path, "skip")
    with pytest.raises(TrainingError, match=r"step 5: .*3 steps in a row"):
        fit(data, tmp_path, Poison([0, 1, 3, 4, 5]), guard)
    assert guard.skipped == 5


def test_losses_are_read_as_often_as_they_are_logged_and_no_more(
    data: SyntheticDataModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []
    guard = FiniteSteps(tmp_path, "stop")
    read = guard._read

    def count(trainer: L.Trainer) -> Any:  # noqa: ANN401 - what it gives
        if guard._unread:
            reads.append(trainer.global_step)
        return read(trainer)

    monkeypatch.setattr(guard, "_read", count)
    fit(data, tmp_path, guard, epochs=2, log_every_n_steps=4)
    assert reads == [4, 7, 11, 14], "every four steps, and where an epoch of seven ends"
