"""What users get wrong is named in one sentence: the place, the problem and the remedy."""

import json
import shutil
from pathlib import Path
from subprocess import CompletedProcess

import pandas as pd
import pytest
from PIL import Image

from tests.support.commands import Command, Refusal


@pytest.fixture
def fit(m3net: Command, settings: Path, tmp_path: Path) -> Command:
    """Give a function that trains on the shop with something changed."""

    def run(*words: object) -> CompletedProcess[str]:
        return m3net("fit", "--config", settings, "--runs", tmp_path / "runs", *words)

    return run


@pytest.fixture
def own_shop(catalogue: Path, tmp_path: Path) -> Path:
    """A copy of the shop, to spoil it."""
    return Path(shutil.copytree(catalogue.parent, tmp_path / "shop")) / catalogue.name


def test_the_table_is_not_there(fit: Command, refusal: Refusal, tmp_path: Path) -> None:
    file = tmp_path / "none.csv"
    sentence = refusal(fit("--data.file", file))
    assert f"catalogue not found: {file}" in sentence
    assert "data.file" in sentence


def test_the_image_root_is_not_there(fit: Command, refusal: Refusal, tmp_path: Path) -> None:
    sentence = refusal(fit("--data.root", tmp_path / "none"))
    assert f"image root not found: {tmp_path / 'none'}" in sentence
    assert "data.root" in sentence


def test_images_are_not_there(fit: Command, refusal: Refusal, own_shop: Path) -> None:
    for number in (3, 8):
        (own_shop.parent / "images" / f"{number:06}.png").unlink()
    sentence = refusal(fit("--data.file", own_shop))
    assert f"{own_shop}, row 5: no image 'images/000003.png'" in sentence
    assert "(2 rows: 5, 10)" in sentence


@pytest.mark.parametrize("workers", [0, 2])
def test_a_truncated_image_is_met_while_training(
    fit: Command, own_shop: Path, workers: int
) -> None:
    table = pd.read_csv(own_shop, dtype=str)
    for place, name in enumerate(table["image"]):
        photo = (own_shop.parent / name).with_suffix(".jpg")
        Image.open(own_shop.parent / name).save(photo)
        if place >= 60:
            photo.write_bytes(photo.read_bytes()[:-200])
        table.loc[place, "image"] = str(Path(name).with_suffix(".jpg"))
    table["split"] = ["val", "test", "train"] * 20 + ["train"] * 100
    table.to_csv(own_shop, index=False)
    done = fit(
        *("--data.file", own_shop, "--data.columns.split=split"),
        *(f"--data.loading.num_workers={workers}", "--trainer.num_sanity_val_steps=0"),
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    sentence = done.stderr.splitlines()[-1]
    start = f"m3net: cannot read image {own_shop.parent / 'images'}/"
    assert sentence.startswith(start)
    number = int(sentence.removeprefix(start)[:6])
    assert number >= 60
    assert f".jpg ({own_shop}, row {number + 2}): the JPEG is truncated" in sentence


def test_an_attribute_has_no_column(fit: Command, refusal: Refusal, catalogue: Path) -> None:
    sentence = refusal(fit("--data.columns.attributes=[sleeve_length,buttons]"))
    assert f"{catalogue}, row 1: no column 'buttons'" in sentence
    assert "'details'" in sentence


def test_an_attribute_has_one_class(fit: Command, refusal: Refusal, own_shop: Path) -> None:
    table = pd.read_csv(own_shop, dtype=str)
    table["details"] = "zip"
    table.to_csv(own_shop, index=False)
    sentence = refusal(fit("--data.file", own_shop))
    assert f"{own_shop}: attribute 'details' has one class, 'zip'" in sentence


def test_there_are_fewer_images_than_a_batch(fit: Command, refusal: Refusal) -> None:
    sentence = refusal(fit("--data.loading.batch_size=5000"))
    assert "fewer than the 5000 needed" in sentence
    assert "data.loading.batch_size" in sentence


@pytest.mark.parametrize(
    ("flag", "named"),
    [
        ("--data.loading.batch_size=0", "data.loading"),
        ("--data.fractions=[0.5,0.5,0.5]", "data.fractions"),
        ("--data.query_fraction=2", "data.query_fraction"),
        ("--data.min_class_images=1000", "data.min_class_images"),
        ("--model.optimizer.lr=-1", "model.optimizer"),
        ("--model.loss.instance.margin=3", "margin"),
        ("--model.network.stride=7", "stride"),
        ("--model.network.attention_dim=0", "model.network"),
        ("--model.network.backbone=resnet10", "resnet10"),
    ],
)
def test_a_number_or_name_out_of_range(
    fit: Command, refusal: Refusal, flag: str, named: str
) -> None:
    assert named in refusal(fit(flag))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--data.loading.batch_size=16"], "batch_size is 16: set it to a multiple of 3"),
        (
            ["--data.loading.batch_size=12", "--data.loading.triplets_per_epoch=3"],
            "triplets_per_epoch is 3, fewer than the 4",
        ),
    ],
)
def test_triplets_do_not_fill_a_batch(
    fit: Command, refusal: Refusal, flags: list[str], words: str
) -> None:
    assert words in refusal(fit("--data.loading.sampling=triplets", *flags))


def test_photos_without_labels_cannot_be_trained_on(
    m3net: Command, refusal: Refusal, catalogue: Path, tmp_path: Path
) -> None:
    photos = ("--data=ImagesDataModule", "--data.images", catalogue.parent)
    assert "m3net predict" in refusal(m3net("fit", *photos, "--runs", tmp_path))


def test_a_training_goes_on_from_nothing(fit: Command, refusal: Refusal, tmp_path: Path) -> None:
    sentence = refusal(fit("--ckpt_path", tmp_path / "none"))
    assert f"checkpoint or run folder not found: {tmp_path / 'none'}" in sentence


def test_a_training_goes_on_with_another_taxonomy(
    fit: Command, refusal: Refusal, trained: Path
) -> None:
    sentence = refusal(fit("--ckpt_path", trained, "--data.columns.attributes=[pattern,details]"))
    assert "'pattern' is new" in sentence


def test_a_training_without_end(fit: Command, refusal: Refusal) -> None:
    endless = ("--trainer.max_epochs=-1", "--trainer.max_time=00:01:00:00")
    sentence = refusal(fit(*endless))
    assert "needs trainer.max_epochs or trainer.max_steps" in sentence


@pytest.mark.parametrize("command", ["compare", "sweep"])
def test_a_folder_of_results_is_a_file(
    m3net: Command, refusal: Refusal, settings: Path, tmp_path: Path, command: str
) -> None:
    runs, file = tmp_path / "runs", tmp_path / "shop.yaml"
    runs.touch()
    train = ["m3net", "fit", "--config", str(settings), "${args}"]
    contents = {
        "compare": {"name": "shop", "systems": {"own": {}}, "budget": {"images": 1}},
        "sweep": {
            "method": "grid",
            "metric": {"name": "val/map_all", "goal": "maximize"},
            "parameters": {"model.metrics.top_k": {"value": 0}},
            "command": train,
        },
    }
    file.write_text(json.dumps(contents[command]), encoding="utf-8")
    words = {"compare": ("--config", file), "sweep": ("--local", file)}[command]
    sentence = refusal(m3net(command, *words, "--runs", runs))
    assert f"cannot write {runs / command / 'shop'}: Not a directory" in sentence
    assert "set runs to another one" in sentence


def test_a_folder_of_an_evaluation_is_a_file(
    m3net: Command, refusal: Refusal, own_run: Path
) -> None:
    (own_run / "test").touch()
    sentence = refusal(m3net("test", "--ckpt_path", own_run))
    assert f"cannot write {own_run / 'test'}: File exists." in sentence


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("data verify catalogue --file {table} --out {place}", "set out to another one"),
        ("data stats catalogue --file {table} --out {place}", "set out to another one"),
        ("data prepare {photos} {place}", "choose another TARGET"),
        ("synthesize {place} --num_images 2", "set folder to another one"),
    ],
)
def test_a_folder_of_a_data_command_is_in_a_file(
    m3net: Command, catalogue: Path, tmp_path: Path, words: str, named: str
) -> None:
    (tmp_path / "file").touch()
    places = {"table": catalogue, "photos": catalogue.parent, "place": tmp_path / "file" / "out"}
    done = m3net(*(word.format_map(places) for word in words.split()))
    assert done.returncode == 2
    [sentence] = done.stderr.splitlines()
    assert sentence.startswith(f"m3net: cannot write {tmp_path / 'file' / 'out'}: ")
    assert named in sentence
