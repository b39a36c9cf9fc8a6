"""A data set with attributes: annotation files in, loaders of its three splits out."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch.utils.data import DataLoader

from m3net.data.batch import Batch
from m3net.data.datamodules.loading import BaseDataModule, check_size
from m3net.data.dataset import Reader, RetrievalDataset
from m3net.data.records import Records, Splits
from m3net.data.samplers import BalancedSampler, ShuffleSampler, members_by_class
from m3net.data.taxonomy import Taxonomy
from m3net.data.transforms import Transform


@dataclass(frozen=True)
class Contents:
    """A data set as read from its files.

    Attributes:
        taxonomy: Its attributes and classes.
        splits: Its images.
        reader: Gives the pixels of a record.
    """

    taxonomy: Taxonomy
    splits: Splits
    reader: Reader


class RetrievalDataModule(BaseDataModule, ABC):
    """Loaders of train, val and test; a subclass says how its files are read.

    Annotations are read once, when they are first asked for: the network is built from them.
    """

    @abstractmethod
    def read(self) -> Contents:
        """Read the annotation files.

        Raises:
            M3NetError: A file is missing or wrong.
        """

    @cached_property
    def contents(self) -> Contents:
        """The data set, read at first use."""
        return self.read()

    def class_statistics(self) -> dict[str, Any]:
        """Give what a network has to know of its classes; see `BaseDataModule`."""
        train, taxonomy = self.contents.splits.train, self.contents.taxonomy
        annotated = train.annotated.sum(axis=0)[taxonomy.attribute_of_class]
        return {
            "taxonomy": taxonomy.to_plain(),
            "positives": train.images_per_class().tolist(),
            "annotated": annotated.tolist(),
        }

    def setup(self, stage: str) -> None:
        """Check that each process gets images, before the first batch is asked for.

        Args:
            stage: "fit", "validate", "test" or "predict".

        Raises:
            ConfigError: A split has too few images.
        """
        _, world_size = self.rank()
        splits = self.contents.splits
        if stage == "fit":
            need = self.loading.batch_size * world_size
            check_size("train", splits.train, need, "lower data.loading.batch_size")
        if stage in ("fit", "validate"):
            check_size("val", splits.val, world_size, "use fewer processes (trainer.devices)")
        if stage in ("test", "predict"):
            check_size("test", splits.test, world_size, "use fewer processes (trainer.devices)")

    def train_dataloader(self) -> DataLoader[Batch]:
        """Give batches of augmented training images."""
        loading, records = self.loading, self.contents.splits.train
        transform = Transform(loading.image_size, loading.resize, loading.augmentation)
        dataset = RetrievalDataset(records, self.contents.reader, transform)
        return self.loader(dataset, self._train_sampler(records))

    def val_dataloader(self) -> DataLoader[Batch]:
        """Give the validation images in order, each once over all processes."""
        return self.ordered_loader(self.contents.splits.val, self.contents.reader)

    def test_dataloader(self) -> DataLoader[Batch]:
        """Give the test images in order, each once over all processes."""
        return self.ordered_loader(self.contents.splits.test, self.contents.reader)

    def predict_dataloader(self) -> DataLoader[Batch]:
        """Give the test images, as `test_dataloader`."""
        return self.test_dataloader()

    def _train_sampler(self, records: Records) -> ShuffleSampler:
        loading = self.loading
        share = (len(records), loading.batch_size, loading.seed, *self.rank())
        if loading.sampling == "shuffle":
            return ShuffleSampler(*share)
        members = members_by_class(records, self.contents.taxonomy.attribute_of_class)
        return BalancedSampler(members, loading.images_per_class, *share)
