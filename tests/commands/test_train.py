"""`m3net train` in a process of its own: what it writes, says and leaves alone."""

import csv
import json
import shutil
from pathlib import Path
from subprocess import CompletedProcess

import cv2
import yaml

from tests.support.commands import Command


def test_the_run_folder_holds_all_that_is_promised(trained: Path) -> None:
    found = {str(file.relative_to(trained)) for file in trained.rglob("*") if file.is_file()}
    assert {
        "config.yaml",
        "metrics.csv",
        "metrics.json",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "test/scores.csv",
        "test/scores.json",
        "test/gallery.png",
        "test/attention.png",
        "test/galleries/sleeve_length.png",
        "test/galleries/details.png",
    } <= found


def test_nothing_is_written_beside_the_run_folder(
    trained: Path, runs: Path, empty_folder: Path
) -> None:
    assert trained.is_dir()
    assert list(empty_folder.iterdir()) == []
    assert [folder.name for folder in runs.iterdir() if folder.name == "lightning_logs"] == []


def test_pictures_can_be_read(trained: Path) -> None:
    for file in (trained / "test").rglob("*.png"):
        picture = cv2.imread(str(file))
        assert picture is not None
        assert min(picture.shape[:2]) > 100


def test_the_settings_are_written_down(trained: Path, catalogue: Path) -> None:
    config = yaml.safe_load((trained / "config.yaml").read_text(encoding="utf-8"))
    assert config["data"]["init_args"]["file"] == str(catalogue)
    assert config["data"]["init_args"]["split_seed"] == 0
    assert config["model"]["network"]["init_args"]["backbone"] == "resnet10t"
    assert config["model"]["ranking"] == "class"
    assert config["seed_everything"] == 0


def test_curves_hold_the_loss_of_each_step_and_the_scores_of_each_epoch(trained: Path) -> None:
    with (trained / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    losses = [float(row["train/loss"]) for row in rows if row["train/loss"]]
    assert len(losses) == 4
    assert all(0 < loss < 100 for loss in losses)
    scores = [float(row["val/map_all"]) for row in rows if row["val/map_all"]]
    assert len(scores) == 1
    summary = json.loads((trained / "metrics.json").read_text(encoding="utf-8"))
    [speed] = [float(row[name]) for row in rows if row[name := "speed/images_per_second"]]
    assert abs(speed - summary["images_per_second"]) <= 0.005
    rates = [float(row["lr/pg1"]) for row in rows if row["lr/pg1"]]
    assert rates == sorted(rates, reverse=True)
    assert len(rates) == len(losses)
    assert {name.partition("/")[0] for name in summary["best"]} == {"epoch", "train", "val"}
    assert summary["best"]["val/map_all"] == summary["last"]["val/map_all"]
    # Lightning keeps float32 of what it writes to a logger.
    assert abs(summary["best"]["val/map_all"] - scores[0]) < 1e-6


def test_csv_and_json_hold_the_same_scores(trained: Path) -> None:
    rows = json.loads((trained / "test" / "scores.json").read_text(encoding="utf-8"))
    with (trained / "test" / "scores.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [{key: str(value) for key, value in row.items()} for row in rows] == table
    names = ["sleeve_length", "details", "overall (by queries)", "overall (by attributes)"]
    assert [row["attribute"] for row in rows] == names
    assert all(0 < row["map_all"] <= 1 for row in rows)


def test_the_table_is_printed_in_percent(training: CompletedProcess[str], trained: Path) -> None:
    rows = json.loads((trained / "test" / "scores.json").read_text(encoding="utf-8"))
    lines = training.stdout.splitlines()
    assert any(line.startswith("test, protocol single: ") for line in lines)
    for row in rows:
        [line] = [line for line in lines if f"│ {row['attribute']} " in line]
        cells = [cell.strip() for cell in line.strip("│").split("│")]
        percents = [f"{100 * row[name]:.2f}" for name in ("map_all", "map_100", "recall_100")]
        counts = [str(row["num_queries"]), str(row["num_gallery"])]
        assert cells == [row["attribute"], *percents, *counts]


def test_the_last_words_name_what_is_there_and_what_to_type_next(
    training: CompletedProcess[str], trained: Path
) -> None:
    table_end = training.stdout.rindex("┘")
    words = training.stdout[table_end + 1 :].split()
    named = [Path(word) for word in words if word.startswith(str(trained)) and word != str(trained)]
    assert trained / "checkpoints" / "best.ckpt" in named
    assert trained / "test" / "gallery.png" in named
    assert all(path.exists() for path in named)
    following = f"m3net predict --ckpt_path {trained} --data.images FOLDER_OF_PHOTOS"
    assert training.stdout.splitlines()[-1].endswith(following)


def test_nothing_else_is_said(training: CompletedProcess[str]) -> None:
    assert training.stderr == ""


def test_a_training_that_ends_within_an_epoch_is_validated_and_ranked_in_other_ways(
    m3net: Command, settings: Path, tmp_path: Path
) -> None:
    steps = ("--trainer.max_epochs=-1", "--trainer.max_steps=6")
    rankings = ("--rankings=[attribute,class]", "--model.metrics.top_k=0")
    done = m3net("train", "--config", settings, "--runs", tmp_path, *steps, *rankings)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "shop" / "0"
    with (run / "metrics.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["val/map_all"]]
    # Four steps are an epoch; the third and fourth row are the validations after the training.
    assert [row["step"] for row in rows][:2] == ["3", "5"]
    summary = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    assert (summary["steps"], summary["images"]) == (6, 6 * 16)
    assert summary["images_per_second"] > 0
    for ranking, folder in (("class", run), ("attribute", run / "rankings" / "attribute")):
        for command, name in (("validate", "validate"), ("test", "test")):
            expected = (folder / name / "scores.csv").read_text(encoding="utf-8")
            copy = tmp_path / f"{ranking}-{command}"
            (copy / "checkpoints").mkdir(parents=True)
            shutil.copy(run / "config.yaml", copy)
            shutil.copy(run / "checkpoints" / "best.ckpt", copy / "checkpoints")
            words = (command, "--ckpt_path", copy, f"--model.ranking={ranking}")
            assert m3net(*words).returncode == 0
            assert (copy / name / "scores.csv").read_text(encoding="utf-8") == expected


def test_a_ranking_that_the_network_has_not_is_refused_before_the_training(
    m3net: Command, settings: Path, tmp_path: Path
) -> None:
    off = "--model.network.attribute_attention=false"
    words = ("train", "--config", settings, "--runs", tmp_path, off, "--rankings=[attribute]")
    done = m3net(*words)
    assert done.returncode == 2
    assert "ranking=attribute needs vectors that the network" in done.stderr
    assert not (tmp_path / "shop" / "0" / "config.yaml").exists()
