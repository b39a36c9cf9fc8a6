"""`m3net predict`: what it writes is enough to repeat the test by hand."""

import csv
import json
import shutil
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from m3net.base.protocol import Protocol
from m3net.data.annotations.catalogue import CatalogueColumns
from m3net.data.datamodules import CatalogueDataModule
from m3net.data.taxonomy import Taxonomy
from tests.support.commands import NO_GALLERY, Command, Refusal


@pytest.fixture(scope="module")
def photos(catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """All photos of the shop and one more, so that two processes get different numbers of them."""
    shop = sorted(str(file) for file in (catalogue.parent / "images").iterdir())
    assert len(shop) == 160
    return [*shop, shutil.copy(shop[0], str(tmp_path_factory.mktemp("more") / "more.png"))]


@pytest.fixture(scope="module")
def predicted(
    process: Command,
    trained: Path,
    photos: list[str],
    empty_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The Parquet folder that two processes write of all photos."""
    run = tmp_path_factory.mktemp("predicted") / "run"
    shutil.copytree(trained, run, ignore=shutil.ignore_patterns("test", "last.ckpt"))
    names = run.with_name("photos.txt")
    names.write_text("\n".join(photos), encoding="utf-8")
    two = ("--trainer.strategy=ddp", "--trainer.devices=2")
    words = ("predict", "--ckpt_path", run, "--data.images", names, *two)
    done = process(*words, cwd=empty_folder)
    assert done.returncode == 0, done.stderr
    assert str(run / "predict") in done.stdout
    assert list(empty_folder.iterdir()) == []
    return run / "predict"


@pytest.fixture(scope="module")
def taxonomy(predicted: Path) -> Taxonomy:
    parts = sorted(predicted.iterdir())
    assert [part.name for part in parts] == ["part-0.parquet", "part-1.parquet"]
    [plain] = {pq.read_schema(part).metadata[b"taxonomy"] for part in parts}
    return Taxonomy.from_plain(json.loads(plain))


@pytest.fixture(scope="module")
def table(predicted: Path) -> pd.DataFrame:
    return pd.read_parquet(predicted)


def cells(catalogue: Path, attribute: str) -> dict[str, set[str]]:
    """Read the classes of each annotated photo of an attribute, by its file name."""
    with catalogue.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        Path(row["image"]).name: set(row[attribute].split("|")) for row in rows if row[attribute]
    }


def test_the_file_names_attributes_and_classes(taxonomy: Taxonomy, catalogue: Path) -> None:
    assert taxonomy.names == ("sleeve_length", "details")
    assert [attribute.multi_label for attribute in taxonomy] == [False, True]
    for attribute in taxonomy:
        worn = set().union(*cells(catalogue, attribute.name).values())
        assert attribute.classes == tuple(sorted(worn))


def test_there_is_one_row_per_photo_and_attribute(
    table: pd.DataFrame, taxonomy: Taxonomy, photos: list[str]
) -> None:
    for name in taxonomy.names:
        assert sorted(table[table["attribute"] == name]["image"]) == sorted(photos)


def test_probabilities_are_those_of_the_classes_in_order(
    table: pd.DataFrame, taxonomy: Taxonomy
) -> None:
    for attribute in taxonomy:
        rows = table[table["attribute"] == attribute.name]
        chances = np.stack(rows["probabilities"].tolist())
        assert chances.shape == (161, len(attribute.classes))
        assert ((chances >= 0) & (chances <= 1)).all()
        if not attribute.multi_label:
            assert np.allclose(chances.sum(axis=1), 1, atol=1e-6)
        best = [attribute.classes[place] for place in chances.argmax(axis=1)]
        assert rows["best_class"].tolist() == best


@pytest.mark.parametrize("protocol", get_args(Protocol))
def test_inner_products_of_vectors_repeat_the_scores_of_the_test(
    m3net: Command, table: pd.DataFrame, catalogue: Path, own_run: Path, protocol: Protocol
) -> None:
    """By hand: rank with numpy, read labels from the table, let scikit-learn average."""
    done = m3net("test", "--ckpt_path", own_run, NO_GALLERY, f"--data.protocol={protocol}")
    assert done.returncode == 0, done.stderr
    data = CatalogueDataModule(
        str(catalogue),
        columns=CatalogueColumns(attributes=("sleeve_length", "details")),
        fractions=(0.5, 0.2, 0.3),
    )
    test = data.contents.splits.test
    rows = json.loads((own_run / "test" / "scores.json").read_text(encoding="utf-8"))
    expected = {row["attribute"]: row["map_all"] for row in rows}
    for place, name in enumerate(("sleeve_length", "details")):
        own = table[table["attribute"] == name]
        photos = [Path(image).name for image in own["image"]]
        vectors = dict(zip(photos, own["vector"], strict=True))
        worn = cells(catalogue, name)
        roles = {
            Path(path).name: role
            for path, role in zip(test.paths, test.roles[:, place], strict=True)
        }
        gallery = [photo for photo, role in roles.items() if role == 2]
        of_gallery = np.stack([vectors[photo] for photo in gallery])
        found = []
        queries = [photo for photo, role in roles.items() if role == 1]
        asked = [(photo, worn[photo]) for photo in queries]
        if protocol == "multi":
            asked = [(photo, {label}) for photo in queries for label in worn[photo]]
        for query, classes in asked:
            relevant = [bool(classes & worn[photo]) for photo in gallery]
            scores: NDArray[np.float32] = of_gallery @ vectors[query]
            # scikit-learn warns of a query with nothing to find; it scores 0 and counts.
            found.append(average_precision_score(relevant, scores) if any(relevant) else 0.0)
        assert np.mean(found) == pytest.approx(expected[name], abs=1e-5)


def test_a_list_of_photos_is_taken_in_its_own_order(
    m3net: Command, own_run: Path, photos: list[str], tmp_path: Path, table: pd.DataFrame
) -> None:
    few = [photos[place] for place in (7, 3, 5)]
    names = tmp_path / "photos.txt"
    names.write_text("\n".join(few), encoding="utf-8")
    done = m3net("predict", "--ckpt_path", own_run, "--data.images", names)
    assert done.returncode == 0, done.stderr
    found = pd.read_parquet(own_run / "predict")
    assert found["image"].tolist() == 2 * few
    keys = [zip(rows["image"], rows["attribute"], strict=True) for rows in (table, found)]
    vectors = dict(zip(keys[0], table["vector"], strict=True))
    for key, vector in zip(keys[1], found["vector"], strict=True):
        assert np.allclose(vector, vectors[key], atol=1e-6)


def test_photos_are_prepared_as_in_training_unless_told_otherwise(
    m3net: Command, own_run: Path, catalogue: Path
) -> None:
    words = ("predict", "--ckpt_path", own_run, "--data.images", catalogue.parent / "images")
    done = m3net(*words, "--print_config")
    assert "image_size: 48" in done.stdout
    done = m3net(*words, "--data.loading.image_size=64", "--print_config")
    assert "image_size: 64" in done.stdout


def test_photos_must_be_named(m3net: Command, own_run: Path) -> None:
    done = m3net("predict", "--ckpt_path", own_run)
    assert done.returncode == 2
    assert "required: images" in done.stderr


def test_a_place_without_photos_is_named(
    m3net: Command, refusal: Refusal, own_run: Path, tmp_path: Path
) -> None:
    words = ("predict", "--ckpt_path", own_run, "--data.images")
    assert "images not found" in refusal(m3net(*words, tmp_path / "none"))
    (tmp_path / "empty").mkdir()
    assert f"{tmp_path / 'empty'} holds no image" in refusal(m3net(*words, tmp_path / "empty"))


def test_a_photo_that_cannot_be_read_is_named(
    m3net: Command, own_run: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "photos" / "a.jpg"
    photo.parent.mkdir()
    photo.write_bytes(b"no photo")
    done = m3net("predict", "--ckpt_path", own_run, "--data.images", photo.parent)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"m3net: cannot read image {photo}")
    assert "Traceback" not in done.stderr
