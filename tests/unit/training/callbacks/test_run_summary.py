"""The best and the last scores of a training."""

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from m3net.experiments.provenance import commit_of
from m3net.training.callbacks.run_summary import TrainingSummary


class Scored(L.LightningModule):
    """Learns nothing; its score of each epoch is given."""

    def __init__(self, scores: list[float]) -> None:
        super().__init__()
        self.scores = scores
        self.weight = nn.Parameter(torch.zeros(1))

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        del batch, batch_idx
        return self.weight.sum()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        del batch, batch_idx
        if not self.trainer.sanity_checking:
            self.log("val/map_all", self.scores[self.current_epoch])
            self.log("val/map_all/collar", math.nan)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def summary(folder: Path, scores: list[float]) -> dict[str, Any]:
    loader = DataLoader(TensorDataset(torch.zeros(1)))
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=len(scores),
        callbacks=[TrainingSummary(folder)],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Scored(scores), loader, loader)
    text = (folder / "metrics.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text, parse_constant=lambda word: f"{word} is not JSON")
    return found


@pytest.mark.parametrize(
    ("scores", "best"), [([0.25, 0.75, 0.5], 1), ([0.5, 0.5], 0), ([0.75, 0.25], 0), ([0.0], 0)]
)
def test_best_and_last_epoch_are_kept(tmp_path: Path, scores: list[float], best: int) -> None:
    found = summary(tmp_path, scores)
    assert found["best"]["epoch"] == best
    assert found["best"]["val/map_all"] == scores[best]
    assert found["last"]["epoch"] == len(scores) - 1
    assert found["last"]["val/map_all"] == scores[-1]
    assert 0 <= found["seconds"] < 60


def test_a_score_that_is_none_is_null(tmp_path: Path) -> None:
    assert summary(tmp_path, [0.5])["best"]["val/map_all/collar"] is None


def test_steps_images_parameters_and_origin_are_kept(tmp_path: Path) -> None:
    found = summary(tmp_path, [0.5, 0.25, 0.75])
    assert (found["steps"], found["images"], found["parameters"]) == (3, 3, 1)
    assert found["images_per_second"] > 3 / (found["seconds"] + 0.1)
    assert found["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert found["device"].startswith("CPU")


def test_the_commit_is_that_of_the_checkout_alone(tmp_path: Path) -> None:
    package = tmp_path / "src" / "own"
    package.mkdir(parents=True)
    assert commit_of(package) is None
    (package / "a.py").write_text("a = 1\n", encoding="utf-8")
    name = ("-c", "user.name=A", "-c", "user.email=a@b.c")
    for words in (("init", "-q"), ("add", "."), (*name, "commit", "-q", "-m", "First")):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    commit = commit_of(package)
    assert commit is not None
    assert len(commit) == 40
    (package / "a.py").write_text("a = 2\n", encoding="utf-8")
    assert commit_of(package) == f"{commit}+"
    elsewhere = package / "site-packages" / "own"
    elsewhere.mkdir(parents=True)
    assert commit_of(elsewhere) is None, "the repository around it is not its own"
