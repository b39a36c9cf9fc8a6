"""`m3net data stats` against loops over the files."""

import csv
import os
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from tests.support.commands import Command
from tests.support.fake.deepfashion import Fake, write_deepfashion


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deepfashion")


@pytest.fixture(scope="module")
def fake(root: Path) -> Fake:
    return write_deepfashion(root)


def rows_of(folder: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (folder / "stats.csv").open(encoding="utf-8", newline="") as file:
        return {(row["split"], row["attribute"]): row for row in csv.DictReader(file)}


def chance(relevant: int, gallery: int) -> Fraction:
    """Give the expected average precision, summed rank by rank."""
    if not relevant:
        return Fraction()
    others = Fraction(relevant - 1, max(gallery - 1, 1))
    ranks = range(1, gallery + 1)
    return sum(((1 + (rank - 1) * others) / rank for rank in ranks), Fraction()) / gallery


@pytest.mark.parametrize("protocol", ["single", "multi"])
def test_a_table_and_a_picture(
    m3net: Command, root: Path, fake: Fake, tmp_path: Path, protocol: str
) -> None:
    done = m3net(
        *("data", "stats", "deepfashion", "--root", root, "--protocol", protocol),
        *("--published", "false", "--out", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    assert f"deepfashion val, protocol {protocol}" in done.stdout
    rows = rows_of(tmp_path)
    photos = fake.of("train")
    labels = Counter(fake.types[row] for photo in photos for row in photo.rows)
    for kind, name in enumerate(("texture", "fabric", "shape", "part", "style")):
        row = rows["train", name]
        carried = Counter(r for photo in photos for r in photo.rows if fake.types[r] == kind)
        assert int(row["num_classes_present"]) == len(carried)
        assert int(row["commonest"]) == max(carried.values())
        assert int(row["rarest"]) == min(carried.values())
        images = sum(any(fake.types[r] == kind for r in photo.rows) for photo in photos)
        assert float(row["labels_per_image"]) == labels[kind] / images
    asked = len(fake.asked["test"]) if protocol == "single" else None
    asked = asked or sum(len(photo.rows) for photo in fake.of("test"))
    assert int(rows["test", "overall (by queries)"]["num_queries"]) == asked
    with Image.open(tmp_path / "stats.png") as image:
        image.load()
        assert min(image.size) > 400


def test_broken_parts_are_named_and_left_out(
    m3net: Command, root: Path, fake: Fake, tmp_path: Path
) -> None:
    assert fake
    part = tmp_path / "part"
    part.mkdir()
    for file in root.glob("*.txt"):
        if file.name != "query_test.txt":
            (part / file.name).symlink_to(file)
    (part / "Anno").symlink_to(root / "Anno")
    done = m3net(
        *("data", "stats", "deepfashion", "--root", root, "--annotations", part),
        *("--protocol", "single", "--published", "false", "--out", tmp_path),
    )
    assert done.returncode == 1
    text = done.stdout.replace("\n", " ")
    assert "query_test.txt" in text
    assert "data.annotations" in text
    assert "--" not in text
    assert {split for split, _ in rows_of(tmp_path)} == {"train", "val"}


SETTINGS = {"FashionAI": (), "DARN": (), "DeepFashion": ("--protocol", "single")}


@pytest.mark.parametrize("name", SETTINGS)
def test_chance_and_ceiling_of_the_published_files_are_exact(
    m3net: Command, tmp_path: Path, name: str
) -> None:
    place = os.environ.get("M3NET_BENCHMARK_INDEX")
    if place is None:
        pytest.skip(
            "M3NET_BENCHMARK_INDEX does not name a folder with FashionAI, DARN, DeepFashion"
        )
    root = Path(place) / name
    done = m3net(
        *("data", "stats", name.lower(), "--root", root, "--out", tmp_path), *SETTINGS[name]
    )
    assert done.returncode == 1  # the other splits are not there
    queries, candidates = (
        [tuple(map(int, line.split()[1:])) for line in (root / f"{kind}_valid.txt").open()]
        for kind in ("query", "candidate")
    )
    listed, gallery = Counter(candidates), Counter(attribute for attribute, _ in candidates)
    pairs = [(listed[label], gallery[label[0]]) for label in queries]
    each = {pair: chance(*pair) for pair in set(pairs)}
    expected = float(sum((each[pair] for pair in pairs), Fraction()) / len(pairs))
    ceiling = sum(Fraction(min(100, r), r) for r, _ in pairs if r) / len(pairs)
    row = rows_of(tmp_path)["val", "overall (by queries)"]
    assert float(row["chance_map"]) == pytest.approx(expected, abs=1e-12)
    assert float(row["recall_100_ceiling"]) == pytest.approx(float(ceiling), abs=1e-12)
    assert int(row["num_without_relevant"]) == sum(not r for r, _ in pairs)
