"""The three public data sets through the config files that users take, on made-up photos."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.support.commands import CONFIGS, NO_GALLERY, Command, Refusal
from tests.support.fake import darn, deepfashion, fashionai

MODELS = sorted((CONFIGS / "model").glob("*.yaml"))
NAMES = {
    "fashionai": list(fashionai.CLASSES),
    "darn": list(darn.CLASSES),
    "deepfashion": list(deepfashion.TYPES),
}
# Every network on the data set with several labels, and every data set with one network.
PAIRS = [
    (data, file)
    for file in MODELS
    for data in NAMES
    if file.stem == "m3net" or data == "deepfashion"
]
TINY = (
    *(
        "--experiment=tiny",
        "--model.network.backbone=resnet10t",
        "--model.network.pretrained=false",
    ),
    *("--model.network.attention_dim=16", "--data.loading.image_size=32"),
    *("--data.loading.batch_size=32", "--data.loading.num_workers=0", "--trainer.accelerator=cpu"),
    *("--trainer.devices=1", "--trainer.precision=32-true", "--trainer.max_epochs=1"),
    *("--trainer.limit_train_batches=1", "--trainer.num_sanity_val_steps=0"),
    *("--trainer.enable_progress_bar=false", "--trainer.log_every_n_steps=1"),
)


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The data sets, each with its images; small galleries are quickly drawn."""
    place = tmp_path_factory.mktemp("data")
    fashionai.write_index(place / "fashionai", per_class=1)
    darn.write_index(place / "darn", per_attribute=3)
    return {name: place / name for name in NAMES}


@pytest.fixture(scope="module")
def fake(roots: dict[str, Path]) -> deepfashion.Fake:
    """What DeepFashion's files hold."""
    return deepfashion.write_deepfashion(roots["deepfashion"], per_type=2)


def words(data: str, model: Path, root: Path, runs: Path) -> tuple[object, ...]:
    """Give the words that train a tiny network on a data set."""
    configs = ("--config", CONFIGS / "data" / f"{data}.yaml", "--config", model)
    return (*configs, "--data.root", root, "--data.published=false", "--runs", runs, *TINY)


def listed(root: Path, kind: str) -> list[int]:
    """Count the lines of each attribute in a list of the test split."""
    lines = (root / f"{kind}_test.txt").read_text(encoding="utf-8").splitlines()
    counts = Counter(int(line.split()[1]) for line in lines)
    return [counts[attribute] for attribute in range(len(counts))]


def sizes(folder: Path, data: str) -> list[tuple[int, int]]:
    """Give the numbers of queries and gallery images of each attribute in a table of scores."""
    rows = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    own = {row["attribute"]: row for row in rows}
    found = [(own[name]["num_queries"], own[name]["num_gallery"]) for name in NAMES[data]]
    total = own["overall (by queries)"]
    assert (total["num_queries"], total["num_gallery"]) == tuple(map(sum, zip(*found, strict=True)))
    return found


@pytest.mark.parametrize(("data", "model"), PAIRS, ids=lambda own: getattr(own, "stem", own))
def test_a_training_is_tested_as_the_files_of_its_data_say(
    m3net: Command,
    roots: dict[str, Path],
    fake: deepfashion.Fake,
    tmp_path: Path,
    data: str,
    model: Path,
) -> None:
    own = words(data, model, roots[data], tmp_path)
    commands = [("train", *own, NO_GALLERY)]
    if model.stem == "m3net":
        # Once for each data set in two steps, and with its pictures.
        commands = [("fit", *own), ("test", "--ckpt_path", tmp_path / "tiny" / "0")]
    for command in commands:
        done = m3net(*command)
        assert done.returncode == 0, done.stderr
    if data == "deepfashion":
        photos = fake.of("test")
        labels = Counter(fake.types[row] for photo in photos for row in photo.rows)
        images = Counter(kind for photo in photos for kind in {fake.types[r] for r in photo.rows})
        expected = [(labels[kind], images[kind]) for kind in range(5)]
    else:
        kinds = (listed(roots[data], "query"), listed(roots[data], "candidate"))
        expected = [*zip(*kinds, strict=True)]
    assert sizes(tmp_path / "tiny" / "0" / "test", data) == expected


def test_in_a_process_of_its_own_by_image_and_cropped(process: Command, tmp_path: Path) -> None:
    root, runs = tmp_path / "deepfashion", tmp_path / "runs"
    fake = deepfashion.write_deepfashion(root, per_type=7)
    own = words("deepfashion", CONFIGS / "model" / "m3net.yaml", root, runs)
    given = ("--data.protocol=single", "--data.crop_margin=0.1", "--data.train_list=rebuilt")
    done = process("train", *own, *given, "--data.loading.num_workers=2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"test, protocol single: {len(fake.of('test'))} images" in done.stdout
    found = sizes(runs / "tiny" / "0" / "test", "deepfashion")
    asked = Counter(kind for index, kind, _ in fake.triples["test"] if index in fake.asked["test"])
    every = Counter(kind for _, kind, _ in fake.triples["test"])
    assert found == [(asked[kind], every[kind] - asked[kind]) for kind in range(5)]


@pytest.mark.parametrize("data", NAMES)
def test_files_that_are_not_the_published_ones_are_refused(
    m3net: Command,
    refusal: Refusal,
    roots: dict[str, Path],
    fake: deepfashion.Fake,
    tmp_path: Path,
    data: str,
) -> None:
    assert fake.photos
    own = words(data, MODELS[0], roots[data], tmp_path)
    sentence = refusal(m3net("fit", *own, "--data.published=true"))
    assert "but the published files have" in sentence
    assert "data.published=false" in sentence


def test_dead_links_of_darn(
    m3net: Command, refusal: Refusal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "darn"
    darn.write_index(root)
    path = (root / "filenames_test.txt").read_text(encoding="utf-8").splitlines()[3]
    (root / path).unlink()
    own = words("darn", MODELS[0], root, tmp_path)
    sentence = refusal(m3net("fit", *own))
    assert f"filenames_test.txt, row 4: no image {path!r}" in sentence
    assert "leave them out by data.missing=drop" in sentence
    done = m3net("fit", *own, "--data.missing=drop")
    assert done.returncode == 0, done.stderr
    told = "test: 1 images are missing and left out, 1 queries and 0 gallery images among them"
    assert told in caplog.messages
