"""FashionAI by the index files of the ASEN family, or by the files of the competition."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from typing_extensions import override

from m3net.data.annotations.fashionai import (
    LABEL_FILE,
    PUBLISHED,
    TAXONOMY,
    Maybe,
    label_folders,
    read_raw,
)
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.index_files import (
    JPEG,
    empty_splits,
    index_files,
    read_split,
    read_splits,
)
from m3net.data.datamodules.loading_config import LoadingConfig
from m3net.data.datamodules.retrieval_datamodule import Contents, RetrievalDataModule
from m3net.data.records import Records, Splits
from m3net.data.splits import draw_strata_roles, split_strata
from m3net.errors import ConfigError


class FashionAIDataModule(RetrievalDataModule):
    """FashionAI: 8 attributes of design and length, 54 classes, one label per image."""

    def __init__(
        self,
        root: str = "data/fashionai",
        annotations: str | None = None,
        layout: Literal["index", "raw"] = "index",
        published: bool = True,
        maybe: Maybe = "keep",
        test_folders: tuple[str, ...] = (),
        fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
        query_fraction: float = 0.2,
        split_seed: int = 0,
        loading: LoadingConfig = LoadingConfig(),
    ) -> None:
        """Save the settings.

        Args:
            root: Folder of the images, which holds fashionAI_attributes_train1 and the others.
            annotations: Folder of the index files, or of the competition's folders with their
                Annotations/label.csv; by default `root`.
            layout: "index" for the index files of the ASEN family; "raw" for the label.csv files of
                the competition, whose images are divided into train, val and test.
            published: Index layout: whether to check the counts of the published files.
            maybe: Raw layout: whether to keep or drop images with a second class that is right as
                well (m).
            test_folders: Raw layout: folders that are the test split, with the competition's test
                images and their answers in Annotations/label.csv.
            fractions: Raw layout: shares of train, val and test in each class.
            query_fraction: Raw layout: share of queries in val and test; the others are the
                gallery.
            split_seed: Raw layout: seed of the division.
            loading: How images become batches.

        Raises:
            ConfigError: A setting of the raw layout is set for the index layout.
        """
        super().__init__(loading)
        if layout == "index" and (maybe != "keep" or test_folders):
            raise ConfigError(
                "data.maybe=drop and data.test_folders need data.layout=raw: the index files have "
                "neither second classes nor test folders."
            )
        self.root = Path(root)
        self.annotations = self.root if annotations is None else Path(annotations)
        self.layout, self.published = layout, published
        self.maybe, self.test_folders = maybe, test_folders
        self.fractions, self.query_fraction, self.split_seed = fractions, query_fraction, split_seed

    @override
    def expected_files(self) -> list[Path]:
        """Return the annotation files that `read` needs."""
        if self.layout == "index":
            return index_files(self.annotations)
        files = sorted(self.annotations.glob(f"*/{LABEL_FILE}"))
        return files or [self.annotations / "*" / LABEL_FILE]

    @override
    def read(self, findings: Findings) -> Contents:
        """Read the annotation files."""
        splits = empty_splits(TAXONOMY)
        if self.layout == "index":
            counts = PUBLISHED if self.published else {}
            read = partial(read_split, self.annotations, TAXONOMY, findings)
            splits = read_splits("FashionAI", TAXONOMY, counts, findings, read)
        else:
            with findings.part():
                splits = self._divide(findings)
        return Contents(TAXONOMY, splits, self.file_reader(self.root, formats=JPEG), self.root)

    def _divide(self, findings: Findings) -> Splits:
        """Read the competition's files and divide their images."""
        folders = label_folders(self.annotations, findings)
        if lacking := [name for name in self.test_folders if name not in folders]:
            raise ConfigError(
                f"data.test_folders names {lacking[0]!r}: choose from the folders with an "
                f"Annotations/label.csv, {', '.join(map(repr, folders))}."
            )
        fractions = self.fractions[:2] if self.test_folders else self.fractions
        shares = tuple(fraction / sum(fractions) for fraction in fractions)
        train = [name for name in folders if name not in self.test_folders]
        records = read_raw(self.annotations, train, self.maybe, findings)
        # Each image has one label: its class is its stratum.
        part_of = split_strata(records, records.class_ids, shares, self.split_seed)
        parts = [records.select(np.flatnonzero(part_of == part)) for part in range(len(shares))]
        if self.test_folders:
            parts.append(read_raw(self.annotations, self.test_folders, self.maybe, findings))
        return Splits(parts[0], *map(self._with_roles, parts[1:]))

    def _with_roles(self, records: Records) -> Records:
        """Draw the queries of val or test."""
        seed, share = self.split_seed, self.query_fraction
        return replace(records, roles=draw_strata_roles(records, records.class_ids, share, seed))
