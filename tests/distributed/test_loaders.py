"""Lightning trains and evaluates with our samplers as they are, on one process and on two."""

from collections import Counter
from pathlib import Path
from typing import Any, get_args

import lightning as L
import pytest
import torch
from lightning.pytorch.overrides.distributed import UnrepeatedDistributedSampler
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn

from m3net.data.batch import Batch
from m3net.data.datamodules import LoadingConfig, SyntheticDataModule
from m3net.data.samplers import (
    BalancedSampler,
    Sampling,
    ShuffleSampler,
    TripletSampler,
    members_by_class,
)
from tests.support.gloo import fast_starts

SAMPLERS = {
    "shuffle": ShuffleSampler,
    "balanced": BalancedSampler,
    "triplets": TripletSampler,
}
BATCH = 6


class Recorder(L.LightningModule):
    """Learns nothing and writes down which images it meets, in which epoch."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder, self.weight = folder, nn.Parameter(torch.zeros(()))
        self.trained: list[list[list[int]]] = []
        self.validated: list[list[int]] = []

    def on_train_epoch_start(self) -> None:
        self.trained.append([])

    def training_step(self, batch: Batch) -> Tensor:
        self.trained[-1].append(batch["index"].tolist())
        return self.weight * batch["image"].float().mean()

    def on_validation_epoch_start(self) -> None:
        self.validated.append([])

    def validation_step(self, batch: Batch) -> None:
        self.validated[-1] += batch["index"].tolist()

    def on_fit_end(self) -> None:
        loaders: list[Any] = [self.trainer.train_dataloader, self.trainer.val_dataloaders]
        met = {
            "trained": self.trained,
            "validated": self.validated,
            "samplers": [type(loader.sampler).__name__ for loader in loaders],
        }
        torch.save(met, self.folder / f"{self.global_rank}.pt")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0)


def shop(sampling: Sampling) -> SyntheticDataModule:
    """A catalogue whose splits no batch size and no number of processes divides."""
    loading = LoadingConfig(
        image_size=32, batch_size=BATCH, num_workers=0, sampling=sampling, triplets_per_epoch=17
    )
    return SyntheticDataModule(89, drawn_size=32, loading=loading)


def fit(sampling: Sampling, folder: Path, processes: int) -> list[dict[str, Any]]:
    """Train for three epochs; give what each process met."""
    trainer = L.Trainer(
        accelerator="cpu",
        devices=processes,
        strategy="auto" if processes == 1 else DDPStrategy(start_method="forkserver"),
        max_epochs=3,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(Recorder(folder), datamodule=shop(sampling))
    return [torch.load(folder / f"{rank}.pt") for rank in range(processes)]


def epochs(sampling: Sampling, rank: int, processes: int) -> list[list[list[int]]]:
    """The batches that the sampler alone gives to a process in three epochs."""
    contents = shop(sampling).contents
    members = members_by_class(contents.splits.train, contents.taxonomy.attribute_of_class)
    images, share = len(contents.splits.train), (BATCH, 0, rank, processes)
    sampler: ShuffleSampler | TripletSampler = ShuffleSampler(images, *share)
    if sampling == "balanced":
        sampler = BalancedSampler(members, 4, images, *share)
    elif sampling == "triplets":
        sampler = TripletSampler(members, 17, *share)
    found = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        order = [drawn[0] if isinstance(drawn, tuple) else drawn for drawn in sampler]
        found.append([order[start : start + BATCH] for start in range(0, len(order), BATCH)])
    return found


def check(sampling: Sampling, met: list[dict[str, Any]]) -> None:
    """Hold what the processes met against the samplers."""
    for rank, own in enumerate(met):
        expected = [SAMPLERS[sampling].__name__, UnrepeatedDistributedSampler.__name__]
        assert own["samplers"] == expected
        assert own["trained"] == epochs(sampling, rank, len(met))
        assert own["trained"][0] != own["trained"][1] != own["trained"][2]
    images = len(shop(sampling).contents.splits.val)
    assert images % 2
    for epoch in range(3):
        seen = Counter(index for own in met for index in own["validated"][epoch])
        assert seen == Counter(range(images))


@pytest.mark.parametrize("sampling", get_args(Sampling))
def test_one_process(sampling: Sampling, tmp_path: Path) -> None:
    check(sampling, fit(sampling, tmp_path, processes=1))


def test_two_processes(tmp_path: Path) -> None:
    with fast_starts():
        check("balanced", fit("balanced", tmp_path, processes=2))
