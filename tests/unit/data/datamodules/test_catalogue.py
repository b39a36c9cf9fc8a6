"""A shop's own catalogue as batches, against its table and files read by other means."""

import csv
import logging
import shutil
from collections import Counter
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from PIL import Image

from m3net.base.protocol import Protocol
from m3net.data.annotations.catalogue import CatalogueColumns
from m3net.data.datamodules import CatalogueDataModule, LoadingConfig
from m3net.data.splits import check_splits
from m3net.errors import AnnotationError, ConfigError, DatasetNotFoundError

LOADING = LoadingConfig(image_size=48, batch_size=8, num_workers=0, augmentation="none")
COLUMNS = CatalogueColumns(attributes=("sleeve_length", "details"))


def open_shop(
    table: Path,
    root: Path | None = None,
    fractions: tuple[float, float, float] = (0.5, 0.2, 0.3),
    min_class_images: int = 1,
    loading: LoadingConfig = LOADING,
    protocol: Protocol = "single",
) -> CatalogueDataModule:
    """Give the shop of a table."""
    return CatalogueDataModule(
        file=str(table),
        root=None if root is None else str(root),
        columns=COLUMNS,
        fractions=fractions,
        min_class_images=min_class_images,
        protocol=protocol,
        loading=loading,
    )


@pytest.fixture(scope="module")
def module(catalogue: Path) -> CatalogueDataModule:
    return open_shop(catalogue)


@pytest.fixture(scope="module")
def table(catalogue: Path) -> dict[str, dict[str, list[str]]]:
    """The classes of each image and attribute, as the table names them."""
    with catalogue.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        row["image"]: {name: row[name].split("|") if row[name] else [] for name in row}
        for row in rows
    }


def test_splits_share_no_image_and_leave_none_out(
    module: CatalogueDataModule, table: dict[str, dict[str, list[str]]]
) -> None:
    splits = module.contents.splits
    parts = [part.paths.tolist() for part in (splits.train, splits.val, splits.test)]
    assert sorted(sum(parts[1:], parts[0])) == sorted(table)


def test_class_counts_equal_a_count_over_the_table(
    module: CatalogueDataModule, table: dict[str, dict[str, list[str]]]
) -> None:
    found = module.class_counts()
    taxonomy = found.taxonomy
    assert taxonomy.names == COLUMNS.attributes
    train = [table[path] for path in module.contents.splits.train.paths.tolist()]
    pairs = [(attribute.name, c) for attribute in taxonomy for c in attribute.classes]
    assert list(found.positives) == [sum(c in row[name] for row in train) for name, c in pairs]
    assert list(found.annotated) == [sum(bool(row[name]) for row in train) for name, _ in pairs]


@pytest.mark.parametrize("name", ["train", "val", "test"])
def test_batches_hold_what_files_and_table_say(
    name: str,
    module: CatalogueDataModule,
    catalogue: Path,
    table: dict[str, dict[str, list[str]]],
) -> None:
    paths = getattr(module.contents.splits, name).paths.tolist()
    taxonomy = module.contents.taxonomy
    batch = next(iter(getattr(module, f"{name}_dataloader")()))
    for place, index in enumerate(batch["index"].tolist()):
        with Image.open(catalogue.parent / paths[index]) as image:
            pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)
        assert torch.equal(batch["image"][place], pixels)
        for a, attribute in enumerate(taxonomy):
            classes = table[paths[index]][attribute.name]
            assert batch["annotated"][place, a].item() == bool(classes)
            carried = batch["targets"][place, taxonomy.slices[a]].tolist()
            assert carried == [c in classes for c in attribute.classes]


def test_the_table_is_read_once(catalogue: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(catalogue, tmp_path))
    module = open_shop(copy, catalogue.parent)
    module.class_counts()
    copy.unlink()
    module.setup("fit")
    assert len(next(iter(module.val_dataloader()))["index"]) > 1


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    module = open_shop(tmp_path / "absent.csv")
    with pytest.raises(DatasetNotFoundError, match=r"absent\.csv"):
        module.class_counts()


def test_images_are_looked_for_beside_the_table_or_in_the_root(
    catalogue: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copy(catalogue, tmp_path))
    with pytest.raises(AnnotationError, match=r"data\.root"):
        open_shop(copy).setup("fit")
    with pytest.raises(DatasetNotFoundError, match=r"nowhere.*data\.root"):
        open_shop(copy, tmp_path / "nowhere").setup("fit")
    open_shop(copy, catalogue.parent).setup("fit")


def test_rare_classes_leave_the_taxonomy(
    catalogue: Path, table: dict[str, dict[str, list[str]]]
) -> None:
    images = Counter(c for row in table.values() for c in row["sleeve_length"])
    least = sorted(images.values())[1]
    module = open_shop(catalogue, min_class_images=least)
    sleeve_length, _ = module.contents.taxonomy
    assert set(sleeve_length.classes) == {c for c, count in images.items() if count >= least}
    assert len(sleeve_length.classes) < len(images)


def test_lost_queries_are_reported_by_the_protocol(
    catalogue: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "m3net")
    told = []
    for protocol in get_args(Protocol):
        caplog.clear()
        module = open_shop(catalogue, protocol=protocol)
        assert module.protocol == protocol
        expected = check_splits(module.contents.splits, module.contents.taxonomy, protocol)
        assert caplog.messages == expected
        told.append(expected)
    assert told[0] != told[1]


def test_a_batch_larger_than_the_training_split_is_refused(catalogue: Path) -> None:
    loading = LoadingConfig(batch_size=161, num_workers=0)
    module = open_shop(catalogue, loading=loading)
    with pytest.raises(ConfigError, match=r"train split.*161.*batch_size"):
        module.setup("fit")


def test_a_split_without_images_is_refused(catalogue: Path) -> None:
    module = open_shop(catalogue, fractions=(0.998, 0.001, 0.001))
    with pytest.raises(ConfigError, match="empty"):
        module.setup("fit")
