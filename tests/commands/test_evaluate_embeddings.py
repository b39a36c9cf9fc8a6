"""`m3net evaluate`: vectors from anywhere are scored as `m3net test` scores its own."""

import csv
import json
import os
import pickle
import shutil
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from numpy.typing import NDArray
from safetensors.torch import save_file
from sklearn.metrics import average_precision_score

from m3net.base.protocol import Protocol
from m3net.data.annotations.catalogue import CatalogueColumns
from m3net.data.datamodules import CatalogueDataModule
from m3net.data.records import Records, Role
from tests.support.commands import CONFIGS, NO_GALLERY, Command, Refusal

CONFIGS = CONFIGS / "data"
ATTRIBUTES = ("sleeve_length", "details")


@pytest.fixture(scope="module")
def shop(settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config file of the data alone, as those in configs/data are."""
    file = tmp_path_factory.mktemp("data") / "shop.yaml"
    data = yaml.safe_load(settings.read_text(encoding="utf-8"))["data"]
    file.write_text(yaml.safe_dump({"data": data}), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def test_images(catalogue: Path) -> Records:
    """The test split of the shop, divided as its settings say."""
    columns = CatalogueColumns(attributes=ATTRIBUTES)
    shop = CatalogueDataModule(str(catalogue), columns=columns, fractions=(0.5, 0.2, 0.3))
    return shop.contents.splits.test


@pytest.fixture(scope="module")
def vectors(test_images: Records) -> dict[str, NDArray[np.float32]]:
    """Random vectors of the test images, longer for the details."""
    draw = np.random.default_rng(0)
    lengths = zip(ATTRIBUTES, (4, 9), strict=True)
    shape = len(test_images)
    return {name: draw.normal(size=(shape, n)).astype(np.float32) for name, n in lengths}


@pytest.fixture
def frame(test_images: Records, vectors: dict[str, NDArray[np.float32]]) -> pd.DataFrame:
    """The same as a table."""
    parts = [
        pd.DataFrame({"image": test_images.paths, "attribute": name, "vector": list(own)})
        for name, own in vectors.items()
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def evaluate(m3net: Command, shop: Path, tmp_path: Path) -> Command:
    """Give a function that evaluates a file on the shop."""

    def run(embeddings: Path, *words: object) -> CompletedProcess[str]:
        place = ("--embeddings", embeddings, "--runs", tmp_path / "runs")
        return m3net("evaluate", "--config", shop, *place, *words)

    return run


def rows_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Give the rows of a table of scores by their first cell."""
    rows = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    return {row["attribute"]: row for row in rows}


@pytest.mark.parametrize(("split", "protocol"), [("test", "multi"), ("val", "single")])
def test_what_predict_wrote_scores_as_in_the_test(
    m3net: Command,
    evaluate: Command,
    own_run: Path,
    catalogue: Path,
    tmp_path: Path,
    split: str,
    protocol: Protocol,
) -> None:
    same = ("--ckpt_path", own_run, "--trainer.precision=32-true")
    name = {"test": "test", "val": "validate"}[split]
    done = m3net(name, *same, f"--data.protocol={protocol}", NO_GALLERY)
    assert done.returncode == 0, done.stderr
    # Predict writes the paths that it was given, from here; the table has them from its folder.
    photos = os.path.relpath(catalogue.parent / "images")
    done = m3net("predict", *same, "--data.images", photos)
    assert done.returncode == 0, done.stderr
    done = evaluate(
        own_run / "predict", f"--data.protocol={protocol}", "--split", split, "--metrics.top_k=0"
    )
    assert done.returncode == 0, done.stderr
    expected = rows_in(own_run / name)
    found = rows_in(tmp_path / "runs" / "evaluate" / "0" / name)
    assert [*found] == [*expected]
    for attribute, row in found.items():
        assert row == pytest.approx(expected[attribute], abs=1e-6)
    taking = found["overall (by queries)"]["num_gallery"]
    assert expected["overall (by queries)"]["num_gallery"] == taking > 0
    unused = int(done.stdout.split("Ignored ")[1].split()[0])
    assert 0 < unused < 2 * 160 - taking


@pytest.mark.parametrize("protocol", get_args(Protocol))
def test_scores_are_those_of_a_loop(
    evaluate: Command,
    frame: pd.DataFrame,
    test_images: Records,
    catalogue: Path,
    tmp_path: Path,
    protocol: Protocol,
) -> None:
    """Ranked with numpy, labels read from the table, averaged by scikit-learn."""
    frame.to_parquet(tmp_path / "a.parquet")
    done = evaluate(tmp_path / "a.parquet", f"--data.protocol={protocol}", "--metrics.top_k=0")
    assert done.returncode == 0, done.stderr
    assert f"test, protocol {protocol}: {len(test_images)} images" in done.stdout
    found = rows_in(tmp_path / "runs" / "evaluate" / "0" / "test")
    with catalogue.open(encoding="utf-8") as file:
        worn = {row["image"]: row for row in csv.DictReader(file)}
    for place, name in enumerate(ATTRIBUTES):
        own = frame[frame["attribute"] == name]
        vector_of = dict(zip(own["image"], own["vector"], strict=True))
        classes = {image: set(row[name].split("|")) for image, row in worn.items()}
        roles = test_images.roles[:, place]
        queries = test_images.paths[(roles & Role.QUERY) > 0].tolist()
        gallery = test_images.paths[(roles & Role.GALLERY) > 0].tolist()
        asked = [(query, classes[query]) for query in queries]
        if protocol == "multi":
            asked = [(query, {label}) for query in queries for label in sorted(classes[query])]
        precisions = []
        for query, wanted in asked:
            relevant = [bool(wanted & classes[image]) for image in gallery]
            scores = [float(vector_of[image] @ vector_of[query]) for image in gallery]
            some = any(relevant)
            precisions.append(average_precision_score(relevant, scores) if some else 0.0)
        # Sleeves have one class each, details have several.
        assert (len(asked) > len(queries)) == ((protocol, name) == ("multi", "details"))
        assert found[name]["num_queries"] == len(asked)
        assert found[name]["num_gallery"] == len(gallery)
        assert found[name]["map_all"] == pytest.approx(np.mean(precisions), abs=1e-6)


def test_tensors_score_as_tables_and_runs_are_numbered(
    evaluate: Command,
    frame: pd.DataFrame,
    test_images: Records,
    vectors: dict[str, NDArray[np.float32]],
    tmp_path: Path,
) -> None:
    frame.to_parquet(tmp_path / "a.parquet")
    tensors = {name: torch.from_numpy(own) for name, own in vectors.items()}
    images = {"images": json.dumps(test_images.paths.tolist())}
    save_file(tensors, tmp_path / "a.safetensors", images)
    for name in ("a.parquet", "a.safetensors"):
        done = evaluate(tmp_path / name, "--experiment=other")
        assert done.returncode == 0, done.stderr
    runs = tmp_path / "runs" / "other"
    first, second = (rows_in(runs / number / "test") for number in "01")
    assert first == second
    written = {str(file.relative_to(runs / "1")) for file in (runs / "1").rglob("*.*")}
    pictures = {f"test/galleries/{name}.png" for name in ATTRIBUTES}
    assert written == {"test/scores.csv", "test/scores.json", "test/gallery.png", *pictures}


def test_scores_need_no_photos(
    evaluate: Command, refusal: Refusal, frame: pd.DataFrame, catalogue: Path, tmp_path: Path
) -> None:
    frame.to_parquet(tmp_path / "a.parquet")
    table = shutil.copy(catalogue, tmp_path)
    alone = (tmp_path / "a.parquet", "--data.file", table)
    assert "no image" in refusal(evaluate(*alone))
    assert evaluate(*alone, "--photos=false").returncode == 0
    assert evaluate(tmp_path / "a.parquet").returncode == 0
    without, beside = (tmp_path / "runs" / "evaluate" / number / "test" for number in "01")
    assert rows_in(without) == rows_in(beside)
    assert sorted(file.name for file in without.iterdir()) == ["scores.csv", "scores.json"]


def test_perfect_vectors_have_a_perfect_score_in_a_process(
    process: Command, shop: Path, test_images: Records, catalogue: Path, tmp_path: Path
) -> None:
    """One number per class: garments of one sleeve length are closest to one another."""
    table = pd.read_csv(catalogue, dtype=str).set_index("image")
    lengths = pd.get_dummies(table["sleeve_length"]).astype(float)
    images = [image for image in test_images.paths.tolist() if lengths.loc[image].any()]
    vectors = [lengths.loc[image].tolist() for image in images]
    frame = pd.DataFrame({"image": images, "attribute": "sleeve_length", "vector": vectors})
    frame.to_parquet(tmp_path / "a.parquet")
    words = ("evaluate", "--embeddings", "a.parquet", "--config", shop)
    done = process(*words, "--data.columns.attributes=[sleeve_length]", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    row = rows_in(tmp_path / "runs" / "evaluate" / "0" / "test")["sleeve_length"]
    lost = row["num_queries_without_relevant"]
    assert row["map_all"] == pytest.approx(1 - lost / row["num_queries"])
    assert "sleeve_length" in done.stdout
    assert str(Path("runs/evaluate/0/test/scores.csv")) in done.stdout
    assert "m3net predict" not in done.stdout


def test_a_missing_vector_is_no_smaller_denominator(
    evaluate: Command, refusal: Refusal, frame: pd.DataFrame, test_images: Records, tmp_path: Path
) -> None:
    asks = np.flatnonzero(test_images.roles[:, 1] & Role.QUERY)
    lost = str(test_images.paths[asks[0]])
    kept = (frame["image"] != lost) | (frame["attribute"] != "details")
    file = tmp_path / "a.parquet"
    frame[kept].to_parquet(file)
    sentence = refusal(evaluate(file))
    part = np.count_nonzero(test_images.roles[:, 1])
    number = f"1 of {part} images that take part"
    assert f"{file}: no vector for attribute 'details' of {number}: {lost!r}" in sentence
    assert not (tmp_path / "runs").exists()


def test_errors_of_files_are_one_sentence(
    evaluate: Command, refusal: Refusal, frame: pd.DataFrame, tmp_path: Path
) -> None:
    assert "embeddings not found" in refusal(evaluate(tmp_path / "none.parquet"))
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"collar": [1.0]}))
    assert "neither .parquet nor .safetensors" in refusal(evaluate(tmp_path / "a.pkl"))
    frame["attribute"] = frame["attribute"].replace("details", "collar")
    frame.to_parquet(tmp_path / "a.parquet")
    sentence = refusal(evaluate(tmp_path / "a.parquet"))
    assert "unknown attribute 'collar'" in sentence
    assert "'sleeve_length', 'details'" in sentence


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--data.loading.batch_size=0",), "batch_size"),
        (("--data.file=none.csv",), "catalogue not found"),
        (("--data.query_fraction=2",), "data.query_fraction"),
    ],
)
def test_errors_of_the_data_are_one_sentence(
    evaluate: Command, refusal: Refusal, tmp_path: Path, words: tuple[str], named: str
) -> None:
    assert named in refusal(evaluate(tmp_path / "a.parquet", *words))


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--split=train",), "train"),
        (("--data.seeed=1",), "seeed"),
        (("--data=ImagesDataModule", "--data.images=."), "ImagesDataModule"),
    ],
)
def test_a_slip_is_named(
    evaluate: Command, tmp_path: Path, words: tuple[str, ...], named: str
) -> None:
    done = evaluate(tmp_path / "a.parquet", *words)
    assert done.returncode == 2
    assert named in done.stderr.split("error:")[1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_data_set_can_be_evaluated_on(m3net: Command, file: Path) -> None:
    words = ("--config", file, "--embeddings=a.parquet", "--print_config")
    needed = ["--data.file=a.csv"] if file.stem == "catalogue" else []
    done = m3net("evaluate", *words[:2], *needed, *words[2:])
    assert done.returncode == 0, done.stderr
    expected = yaml.safe_load(file.read_text(encoding="utf-8"))["data"]
    found = yaml.safe_load(done.stdout)["data"]
    assert found["class_path"] == expected["class_path"]
    assert (
        found["init_args"]["loading"]["image_size"]
        == expected["init_args"]["loading"]["image_size"]
    )
