"""How records and pixels become batches on each process; no labels needed."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.overrides.distributed import UnrepeatedDistributedSampler
from torch.utils.data import DataLoader, DistributedSampler, Sampler

from m3net.base.protocol import Protocol
from m3net.data.batch import Batch
from m3net.data.class_counts import ClassCounts
from m3net.data.dataset import Reader, RetrievalDataset
from m3net.data.photos.content import MAX_PIXELS, check_max_pixels
from m3net.data.photos.processes import Loader, set_up_process
from m3net.data.photos.reader import FileReader
from m3net.data.records import Records
from m3net.data.samplers import Sampling
from m3net.data.transforms import Augmentation, Resize, Transform
from m3net.errors import ConfigError

_MOST = {
    "image_size": 4096,
    "batch_size": 65_536,
    "num_workers": 512,
    "timeout": 10**6,
    "images_per_class": 65_536,
    "triplets_per_epoch": 10**8,
}
"""Beyond these a number is a slip or an attack: no machine has the memory or the processes."""


@dataclass(frozen=True)
class LoadingConfig:
    """How images become batches.

    Attributes:
        image_size: Height and width in pixels that the network sees.
        resize: letterbox keeps the whole picture, crop its central square, stretch its width and
            height at any proportion.
        augmentation: Change of the training images: none, geometric, light or strong.
        batch_size: Images per batch and process.
        num_workers: Loader processes per training process; 0 loads in the training process.
        timeout: Seconds to wait for a batch of the loader processes; 0 waits for ever.
        max_pixels: Images with more are refused by their header, before memory is taken for them.
        sampling: shuffle takes each image once an epoch; balanced fills batches with groups that
            share a class, each class as often as the others; triplets fills them with an anchor, a
            positive and a negative in turn, each attribute as often as the others.
        images_per_class: Images in a group of balanced sampling.
        triplets_per_epoch: Triplets of all processes in an epoch of triplets sampling.
        seed: Seed of the order of the training images.
    """

    image_size: int = 224
    resize: Resize = "letterbox"
    augmentation: Augmentation = "light"
    batch_size: int = 64
    num_workers: int = 2
    timeout: int = 600
    max_pixels: int = MAX_PIXELS
    sampling: Sampling = "shuffle"
    images_per_class: int = 4
    triplets_per_epoch: int = 100_000
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse sizes that make no batch.

        Raises:
            ConfigError: A number is out of range.
        """
        drawn = (self.batch_size, self.images_per_class, self.triplets_per_epoch)
        if min(self.image_size, *drawn) < 1 or min(self.num_workers, self.timeout) < 0:
            raise ConfigError(
                "data.loading: image_size, batch_size, images_per_class and triplets_per_epoch "
                "must be positive, num_workers and timeout must not be negative."
            )
        for name, most in _MOST.items():
            if getattr(self, name) > most:
                raise ConfigError(
                    f"data.loading.{name} is {getattr(self, name)}: it must not exceed {most}."
                )
        check_max_pixels(self.max_pixels)


class TrainLoader(Loader[Batch]):
    """A loader whose epochs start when their first batch is asked for, and not before.

    Lightning asks for an iterator while it builds the optimizer, long before it says which epoch
    comes: workers would begin with a wrong one where a training goes on.
    """

    dataset: RetrievalDataset
    sampler: DistributedSampler[Any]

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]  # as torch's own users see it
        """Go through the epoch that the sampler was told."""
        self.dataset.set_epoch(self.sampler.epoch)
        yield from super().__iter__()


class BaseDataModule(L.LightningDataModule):
    """Loaders of images in order, each image once over all processes."""

    def __init__(self, loading: LoadingConfig) -> None:
        """Set how images become batches.

        Args:
            loading: Sizes and sampling.
        """
        super().__init__()
        self.loading = loading
        # Whoever predicts with the network later has to prepare images in the same way.
        self.save_hyperparameters({"loading": asdict(loading)})

    @property
    def protocol(self) -> Protocol:
        """How the data is evaluated; a data set whose published numbers ask by label says so."""
        return "single"

    def class_counts(self) -> ClassCounts | None:
        """Return what a network has to know of its classes; None where images have no labels."""
        return None

    def rank(self) -> tuple[int, int]:
        """Give this process's rank and the number of processes."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def file_reader(
        self, root: Path, margin: float | None = None, formats: frozenset[str] | None = None
    ) -> FileReader:
        """Give the reader of image files, with the configured limit; arguments are its own."""
        return FileReader(root, margin, formats, self.loading.max_pixels)

    def ordered_loader(self, records: Records, reader: Reader) -> DataLoader[Batch]:
        """Give batches without chance, as for evaluation and prediction."""
        transform = Transform(self.loading.image_size, self.loading.resize)
        dataset = RetrievalDataset(records, reader, transform)
        rank, world_size = self.rank()
        # Lightning's own choice would pad the ranks' shares with repeated images.
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
        """Give a loader with the configured batch size and workers.

        Args:
            dataset: Gives the images.
            sampler: Gives their indices, or each with the attribute that it was drawn for.
            kind: The class of the loader.
        """
        workers = self.loading.num_workers
        return kind(
            dataset,
            batch_size=self.loading.batch_size,
            sampler=sampler,
            num_workers=workers,
            # Without processes torch knows no timeout.
            timeout=self.loading.timeout if workers else 0,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
            collate_fn=_as_it_is,
            worker_init_fn=set_up_process,
            # Loaders that start in another order, as where a training goes on, change no draw.
            generator=torch.Generator(),
        )


def check_size(split: str, records: Records, need: int, remedy: str) -> None:
    """Refuse a split that cannot give each process its images.

    Raises:
        ConfigError: It has fewer images than needed.
    """
    if len(records) < need:
        raise ConfigError(
            f"the {split} split has {len(records)} images, fewer than the {need} needed: {remedy}, "
            "or give it more images."
        )


def _as_it_is(batch: Any) -> Any:  # noqa: ANN401 - torch expects a list of samples here
    """Leave what the data set gives: it makes whole batches."""
    return batch
