"""Loaders of the three splits of a data set with attributes."""

import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler
from typing_extensions import override

from m3net.data.annotations.findings import Findings
from m3net.data.batch import Batch
from m3net.data.class_counts import ClassCounts
from m3net.data.datamodules.base_datamodule import BaseDataModule, TrainLoader, check_size
from m3net.data.dataset import Reader, RetrievalDataset
from m3net.data.photos.listing import missing_error, missing_images
from m3net.data.records import Records, Role, SplitName, Splits
from m3net.data.samplers import BalancedSampler, ShuffleSampler, TripletSampler, members_by_class
from m3net.data.splits import check_splits
from m3net.data.taxonomy import Taxonomy
from m3net.data.transforms import Transform

Missing = Literal["error", "drop"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contents:
    """A data set as read from its files."""

    taxonomy: Taxonomy
    splits: Splits
    reader: Reader
    root: Path | None = None
    """Folder that the paths of the records start from; None where images are not files."""


class RetrievalDataModule(BaseDataModule, ABC):
    """Loaders of train, val and test; a subclass reads the annotation files.

    Annotations are read once, at first use: the network is built from them.
    """

    missing: Missing | None = None
    """What to do about listed images without a file; None is an error too, and not a setting."""

    @abstractmethod
    def read(self, findings: Findings) -> Contents:
        """Read the annotation files, without any image.

        Args:
            findings: Collects problems and notes.

        Raises:
            M3NetError: A file is missing or wrong, and `findings` stops at the first problem.
        """

    def expected_files(self) -> list[Path]:
        """Return the annotation files that `read` needs; empty where images are not files."""
        return []

    @cached_property
    def contents(self) -> Contents:
        """The data set, read and checked at first use."""
        return self.load()

    def load(self, *, photos: bool = True) -> Contents:
        """Read the data set, check its splits and log the notes.

        Args:
            photos: Whether to check that every image file exists.

        Raises:
            M3NetError: An annotation file is missing or wrong, or an image is missing.
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

    @override
    def class_counts(self) -> ClassCounts:
        """Count the training images of each class."""
        train, taxonomy = self.contents.splits.train, self.contents.taxonomy
        annotated = train.annotated.sum(axis=0)[taxonomy.attribute_of_class]
        positives = train.images_per_class()
        return ClassCounts(taxonomy, tuple(positives.tolist()), tuple(annotated.tolist()))

    @override
    def setup(self, stage: str) -> None:
        """Check that each process gets images, before the first batch."""
        _, world_size = self.rank()
        splits = self.contents.splits
        if stage == "fit" and self.loading.sampling != "triplets":
            need = self.loading.batch_size * world_size
            check_size("train", splits.train, need, "lower data.loading.batch_size")
        split: SplitName = "val" if stage in ("fit", "validate") else "test"
        remedy = "use fewer processes (trainer.devices)"
        check_size(split, splits.named()[split], world_size, remedy)

    @override
    def train_dataloader(self) -> DataLoader[Batch]:
        """Load batches of augmented training images."""
        loading, records = self.loading, self.contents.splits.train
        transform = Transform(loading.image_size, loading.resize, loading.augmentation)
        # `seed_everything` seeds the augmentation, data.loading.seed the order of the images.
        seed = torch.initial_seed()
        dataset = RetrievalDataset(records, self.contents.reader, transform, seed)
        return self.loader(dataset, self._train_sampler(records), TrainLoader)

    @override
    def val_dataloader(self) -> DataLoader[Batch]:
        """Load the validation images in order, each once over all processes."""
        return self.ordered_loader(self.contents.splits.val, self.contents.reader)

    @override
    def test_dataloader(self) -> DataLoader[Batch]:
        """Load the test images in order, each once over all processes."""
        return self.ordered_loader(self.contents.splits.test, self.contents.reader)

    @override
    def predict_dataloader(self) -> DataLoader[Batch]:
        """Load the test images."""
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
            _log.info(f"train: no triplets of {', '.join(without)}")
        return sampler


def present_only(root: Path, missing: Missing | None, findings: Findings, splits: Splits) -> Splits:
    """Return the images whose files exist.

    Args:
        root: Folder that the paths of the records start from.
        missing: "drop" leaves missing images out and counts them in a note; else they are an error.
        findings: Collects the notes.
        splits: All images.

    Raises:
        M3NetError: An image or the whole folder is missing.
    """
    absent = {name: missing_images(root, part) for name, part in splits.named().items()}
    present = splits.named()
    if missing != "drop" and any(map(len, absent.values())):
        remedy = "Put the images there, take them out of the annotations, or set data.root"
        remedy += "" if missing is None else "; or leave them out by data.missing=drop"
        lost = [part.select(absent[name]) for name, part in present.items()]
        raise missing_error(root, lost, remedy)
    for name, part in present.items():
        if len(absent[name]):
            queries, gallery = (
                part.has_role(role)[absent[name]].any(axis=1).sum()
                for role in (Role.QUERY, Role.GALLERY)
            )
            findings.note(
                f"{name}: {len(absent[name]):,} images are missing and left out, {queries:,} "
                f"queries and {gallery:,} gallery images among them"
            )
            present[name] = part.select(np.setdiff1d(np.arange(len(part)), absent[name]))
    return Splits(**present)
