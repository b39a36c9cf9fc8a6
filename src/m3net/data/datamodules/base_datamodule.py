"""Loaders of images, with or without labels, for each process."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.overrides.distributed import UnrepeatedDistributedSampler
from torch.utils.data import DataLoader, DistributedSampler, Sampler
from typing_extensions import override

from m3net.base.protocol import Protocol
from m3net.data.batch import Batch
from m3net.data.class_counts import ClassCounts
from m3net.data.datamodules.loading_config import LoadingConfig
from m3net.data.dataset import Reader, RetrievalDataset
from m3net.data.photos.reader import FileReader
from m3net.data.photos.workers import Loader
from m3net.data.records import Records
from m3net.data.transforms import Transform
from m3net.errors import ConfigError


class TrainLoader(Loader[Batch]):
    """A loader that reads the epoch at its first batch.

    Lightning creates an iterator while it builds the optimizer, long before it sets the epoch: in a
    resumed training, workers would start with the wrong one.
    """

    dataset: RetrievalDataset
    sampler: DistributedSampler[Any]

    @override
    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]  # as torch's own users see it
        """Yield the batches of the sampler's epoch."""
        self.dataset.set_epoch(self.sampler.epoch)
        yield from super().__iter__()


class BaseDataModule(L.LightningDataModule):
    """Loaders of images in order, each image once over all processes."""

    def __init__(self, loading: LoadingConfig, protocol: Protocol = "single") -> None:
        """Save the settings.

        Args:
            loading: Sizes and sampling.
            protocol: What a query is.
        """
        super().__init__()
        self.loading, self.protocol = loading, protocol
        # Saved in checkpoints: predictions have to prepare images in the same way.
        self.save_hyperparameters({"loading": asdict(loading)})

    def class_counts(self) -> ClassCounts | None:
        """Count the training images of each class; None where images have no labels."""
        return None

    def rank(self) -> tuple[int, int]:
        """Return this process's rank and the number of processes."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def file_reader(
        self, root: Path, margin: float | None = None, formats: frozenset[str] | None = None
    ) -> FileReader:
        """Build a `FileReader` with the configured limit of pixels."""
        return FileReader(root, margin, formats, self.loading.max_pixels)

    def ordered_loader(self, records: Records, reader: Reader) -> DataLoader[Batch]:
        """Build a loader without randomness, for evaluation and prediction."""
        transform = Transform(self.loading.image_size, self.loading.resize)
        dataset = RetrievalDataset(records, reader, transform)
        rank, world_size = self.rank()
        # Lightning's default would pad the shares of the ranks with repeated images.
        sampler = UnrepeatedDistributedSampler(
            dataset, num_replicas=world_size, rank=rank, shuffle=False
        )
        return self.loader(dataset, sampler)

    def loader(
        self,
        dataset: RetrievalDataset,
        sampler: Sampler[int] | Sampler[tuple[int, int]],
        kind: type[Loader[Batch]] = Loader,
    ) -> DataLoader[Batch]:
        """Build a loader with the configured batch size and workers.

        Args:
            dataset: Reads the images.
            sampler: Yields indices, or pairs of an index and the attribute that it was drawn for.
            kind: Class of the loader.
        """
        workers = self.loading.num_workers
        return kind(
            dataset,
            batch_size=self.loading.batch_size,
            sampler=sampler,
            num_workers=workers,
            # torch refuses a timeout without workers.
            timeout=self.loading.timeout if workers else 0,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
            collate_fn=_keep,
            # Without it, each start of a loader would change the global random state, and a resumed
            # training starts its loaders in another order.
            generator=torch.Generator(),
        )


def check_size(split: str, records: Records, need: int, remedy: str) -> None:
    """Check that a split has enough images for all processes.

    Args:
        split: Name of the split.
        records: Its images.
        need: Smallest number of images.
        remedy: What to do other than adding images.

    Raises:
        ConfigError: The split has fewer images.
    """
    if len(records) < need:
        raise ConfigError(
            f"the {split} split has {len(records)} images, fewer than the {need} needed: {remedy}, "
            "or add images."
        )


def _keep(batch: Any) -> Any:  # noqa: ANN401 - torch expects a list of samples here
    """Return a whole batch of the data set as it is."""
    return batch
