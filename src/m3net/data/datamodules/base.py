"""A data set with attributes: annotation files in, loaders of its three splits out."""

import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler

from m3net.data.annotations.findings import Findings
from m3net.data.batch import Batch
from m3net.data.class_counts import ClassCounts
from m3net.data.datamodules.loading import BaseDataModule, TrainLoader, check_size
from m3net.data.dataset import Reader, RetrievalDataset
from m3net.data.division import check_splits
from m3net.data.photos.presence import missing_error, missing_images
from m3net.data.records import Records, Role, Splits
from m3net.data.samplers import BalancedSampler, ShuffleSampler, members_by_class
from m3net.data.taxonomy import Taxonomy
from m3net.data.transforms import Transform
from m3net.data.triplets import TripletSampler

Missing = Literal["error", "drop"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contents:
    """A data set as read from its files.

    Attributes:
        taxonomy: Its attributes and classes.
        splits: Its images.
        reader: Gives the pixels of a record.
        root: Folder that the paths of the records start from; None where images are no files.
    """

    taxonomy: Taxonomy
    splits: Splits
    reader: Reader
    root: Path | None = None


class RetrievalDataModule(BaseDataModule, ABC):
    """Loaders of train, val and test; a subclass says how its files are read.

    Annotations are read once, when they are first asked for: the network is built from them.

    Attributes:
        missing: What to do about images that are listed but not there; None where there is no
            choice, and they are an error.
    """

    missing: Missing | None = None

    @abstractmethod
    def read(self, findings: Findings) -> Contents:
        """Read the annotation files; no image is looked at.

        Args:
            findings: Takes problems and notes.

        Raises:
            M3NetError: A file is missing or wrong, and the first problem stops.
        """

    def expected_files(self) -> list[Path]:
        """Give the annotation files that `read` will ask for; none where images are no files."""
        return []

    @cached_property
    def contents(self) -> Contents:
        """The data set, read and checked at first use."""
        return self.load()

    def load(self, *, photos: bool = True) -> Contents:
        """Read the data set, check its splits, and report what should be known of it.

        Args:
            photos: Whether every image must be there; without, annotations alone are read.

        Raises:
            M3NetError: An annotation file is missing or wrong, or an image is not there.
        """
        findings = Findings()
        contents = self.read(findings)
        if contents.root is not None:
            splits = contents.splits
            if photos:
                splits = present_only(contents.root, self.missing, findings, splits)
            findings.notes += check_splits(splits, contents.taxonomy, self.protocol)
            contents = replace(contents, splits=splits)
        for sentence in findings.notes:
            _log.info(sentence)
        return contents

    def class_counts(self) -> ClassCounts:
        """Count the training images of each class."""
        train, taxonomy = self.contents.splits.train, self.contents.taxonomy
        annotated = train.annotated.sum(axis=0)[taxonomy.attribute_of_class]
        positives = train.images_per_class()
        return ClassCounts(taxonomy, tuple(positives.tolist()), tuple(annotated.tolist()))

    def setup(self, stage: str) -> None:
        """Check that each process gets images, before the first batch is asked for.

        Args:
            stage: "fit", "validate", "test" or "predict".

        Raises:
            ConfigError: A split has too few images.
        """
        _, world_size = self.rank()
        splits = self.contents.splits
        if stage == "fit" and self.loading.sampling != "triplets":
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
        # What `seed_everything` was given; the order has a seed of its own.
        seed = torch.initial_seed()
        dataset = RetrievalDataset(records, self.contents.reader, transform, seed)
        return self.loader(dataset, self._train_sampler(records), TrainLoader)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Give the validation images in order, each once over all processes."""
        return self.ordered_loader(self.contents.splits.val, self.contents.reader)

    def test_dataloader(self) -> DataLoader[Batch]:
        """Give the test images in order, each once over all processes."""
        return self.ordered_loader(self.contents.splits.test, self.contents.reader)

    def predict_dataloader(self) -> DataLoader[Batch]:
        """Give the test images, as `test_dataloader`."""
        return self.test_dataloader()

    def _train_sampler(self, records: Records) -> Sampler[int] | Sampler[tuple[int, int]]:
        loading, taxonomy = self.loading, self.contents.taxonomy
        share = (loading.batch_size, loading.seed, *self.rank())
        if loading.sampling == "shuffle":
            return ShuffleSampler(len(records), *share)
        members = members_by_class(records, taxonomy.attribute_of_class)
        if loading.sampling == "balanced":
            return BalancedSampler(members, loading.images_per_class, len(records), *share)
        sampler = TripletSampler(members, loading.triplets_per_epoch, *share)
        without = [name for a, name in enumerate(taxonomy.names) if a not in sampler.triplets]
        if without:
            _log.info(f"train: no triplet can be drawn for {', '.join(without)}")
        return sampler


def present_only(root: Path, missing: Missing | None, findings: Findings, splits: Splits) -> Splits:
    """Give the images that are there.

    Args:
        root: Folder that the paths of the records start from.
        missing: Whether one that is not there is an error, or dropped and counted in a note; None
            where that is no choice, and it is an error.
        findings: Takes the note.
        splits: All images.

    Raises:
        M3NetError: An image or the whole folder is not there.
    """
    absent = {name: missing_images(root, part) for name, part in splits.named().items()}
    lost = {name: part.select(absent[name]) for name, part in splits.named().items()}
    if missing != "drop" and any(map(len, lost.values())):
        remedy = "Put the images there, take them out of the annotations, or set data.root"
        remedy += "" if missing is None else "; or leave them out by data.missing=drop"
        raise missing_error(root, [*lost.values()], remedy)
    for name, part in lost.items():
        asked, listed = (
            np.count_nonzero((part.roles & role).any(axis=1)) for role in (Role.QUERY, Role.GALLERY)
        )
        if len(part):
            findings.note(
                f"{name}: {len(part):,} images are not there and left out, {asked:,} queries and "
                f"{listed:,} gallery images among them"
            )
    return Splits(
        **{
            name: part.select(np.setdiff1d(np.arange(len(part)), absent[name]))
            for name, part in splits.named().items()
        }
    )
