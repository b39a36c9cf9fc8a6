"""The data says how it is evaluated, in training and in every table, whatever a checkpoint says."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from m3net.data.annotations.catalogue import CatalogueColumns
from m3net.data.datamodules import CatalogueDataModule
from tests.support.commands import NO_GALLERY, Command


@pytest.fixture(scope="module")
def runs_by_label(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs that are evaluated by label."""
    return tmp_path_factory.mktemp("labels")


@pytest.fixture(scope="module")
def said(m3net: Command, settings: Path, runs_by_label: Path) -> str:
    """What a training said."""
    words = ("--config", settings, "--runs", runs_by_label, "--data.protocol=multi")
    done = m3net("train", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def by_label(said: str, runs_by_label: Path) -> Path:
    """The run folder of that training."""
    assert said
    return runs_by_label / "shop" / "0"


def table_of(folder: Path) -> list[dict[str, Any]]:
    """Give the rows of a table of scores."""
    rows: list[dict[str, Any]] = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    return rows


def opened(catalogue: Path) -> CatalogueDataModule:
    """Open the shop as the settings of the training do."""
    columns = CatalogueColumns(attributes=("sleeve_length", "details"))
    return CatalogueDataModule(str(catalogue), columns=columns, fractions=(0.5, 0.2, 0.3))


def test_every_table_names_its_protocol(
    said: str, by_label: Path, trained: Path, catalogue: Path
) -> None:
    images = len(opened(catalogue).contents.splits.test)
    assert f"test, protocol multi: {images} images, in percent" in said
    for run, protocol in ((by_label, "multi"), (trained, "single")):
        assert {row["protocol"] for row in table_of(run / "test")} == {protocol}
        with (run / "test" / "scores.csv").open(encoding="utf-8") as file:
            assert {row["protocol"] for row in csv.DictReader(file)} == {protocol}


def test_queries_are_the_labels_in_the_table_of_the_shop(by_label: Path, catalogue: Path) -> None:
    test = opened(catalogue).contents.splits.test
    with catalogue.open(encoding="utf-8") as file:
        worn = {row["image"]: row for row in csv.DictReader(file)}
    scores = {row["attribute"]: row for row in table_of(by_label / "test")}
    counts = []
    for place, name in enumerate(("sleeve_length", "details")):
        queries = test.paths[test.roles[:, place] == 1].tolist()
        labels = sum(len(worn[path][name].split("|")) for path in queries)
        assert scores[name]["num_queries"] == labels
        assert scores[name]["num_gallery"] == (test.roles[:, place] == 2).sum()
        counts.append((labels, len(queries)))
    (sleeves, of_photos), (details, of_garments) = counts
    assert sleeves == of_photos
    assert details > of_garments
    assert scores["overall (by queries)"]["num_queries"] == sleeves + details


def test_curves_keep_their_names(by_label: Path, trained: Path) -> None:
    columns = []
    for run in (by_label, trained):
        with (run / "metrics.csv").open(encoding="utf-8") as file:
            columns.append(csv.DictReader(file).fieldnames)
    assert columns[0] == columns[1]


def test_pictures_are_drawn_of_labels_too(by_label: Path) -> None:
    names = {file.name for file in (by_label / "test").rglob("*.png")}
    assert names == {"gallery.png", "attention.png", "sleeve_length.png", "details.png"}


def test_a_run_is_tested_as_it_was_trained(m3net: Command, by_label: Path) -> None:
    counts = [(row["protocol"], row["num_queries"]) for row in table_of(by_label / "test")]
    done = m3net("test", "--ckpt_path", by_label, NO_GALLERY)
    assert done.returncode == 0, done.stderr
    again = [(row["protocol"], row["num_queries"]) for row in table_of(by_label / "test")]
    assert again == counts


def test_the_data_has_the_last_word_and_not_the_checkpoint(
    m3net: Command, by_label: Path, settings: Path, trained: Path, tmp_path: Path
) -> None:
    """Trained alike, the two runs have the same weights; the settings ask by image."""
    protocols, tables = [], []
    for run in (by_label, trained):
        own = tmp_path / run.parents[1].name
        own.mkdir()
        file = Path(shutil.copy(run / "checkpoints" / "best.ckpt", own))
        protocols.append(torch.load(file)["hyper_parameters"]["protocol"])
        done = m3net("test", "--ckpt_path", file, "--config", settings, "--runs", own, NO_GALLERY)
        assert done.returncode == 0, done.stderr
        tables.append(table_of(own / "shop" / "0" / "test"))
    assert protocols == ["multi", "single"]
    assert tables[0] == tables[1]
    assert {row["protocol"] for row in tables[0]} == {"single"}


def test_a_protocol_that_does_not_exist_is_named(m3net: Command, settings: Path) -> None:
    done = m3net("fit", "--config", settings, "--data.protocol=both")
    assert done.returncode == 2
    error = done.stderr.split("error:")[1]
    assert "protocol" in error
    assert "both" in error
    assert "Traceback" not in done.stderr


def test_the_protocol_is_not_the_networks_to_say(m3net: Command, settings: Path) -> None:
    done = m3net("fit", "--config", settings, "--model.protocol=multi")
    assert done.returncode == 2
    assert "protocol" in done.stderr.split("error:")[1]
