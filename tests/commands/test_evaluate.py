"""`m3net test` and `m3net validate`: which checkpoint, which data, whose word counts."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from tests.support.commands import NO_GALLERY, Command, Refusal


def scores_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Give the rows of a table of scores by their first cell."""
    rows = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    return {row["attribute"]: row for row in rows}


def test_validate_gives_the_scores_of_the_training(
    m3net: Command, own_run: Path, trained: Path
) -> None:
    done = m3net("validate", "--ckpt_path", own_run, NO_GALLERY)
    assert done.returncode == 0, done.stderr
    with (trained / "metrics.csv").open(encoding="utf-8") as file:
        [logged] = [row for row in csv.DictReader(file) if row["val/map_all"]]
    rows = scores_in(own_run / "validate")
    for name in ("map_all", "map_100", "recall_100"):
        found = rows["overall (by queries)"][name], rows["details"][name]
        expected = float(logged[f"val/{name}"]), float(logged[f"val/{name}/details"])
        assert found == pytest.approx(expected, abs=1e-6)
    assert done.stdout.splitlines()[-1].endswith(f"m3net test --ckpt_path {own_run}")


def test_a_checkpoint_by_itself_needs_data_and_gets_a_run_folder(
    m3net: Command, settings: Path, trained: Path, tmp_path: Path
) -> None:
    file = tmp_path / "weights.ckpt"
    shutil.copy(trained / "checkpoints" / "best.ckpt", file)
    done = m3net("test", "--ckpt_path", file, "--runs", tmp_path)
    assert done.returncode == 2
    assert "test.data" in done.stderr.split("error:")[1]
    words = ("test", "--config", settings, "--ckpt_path", file, "--runs", tmp_path)
    done = m3net(*words, NO_GALLERY, "--data.loading.batch_size=1000")
    assert done.returncode == 0, done.stderr
    expected = scores_in(trained / "test")
    for name, row in scores_in(tmp_path / "shop" / "0" / "test").items():
        assert row == pytest.approx(expected[name], abs=1e-6)


@pytest.mark.parametrize("command", ["test", "validate", "predict"])
def test_a_network_without_weights_is_not_evaluated(
    m3net: Command, refusal: Refusal, command: str
) -> None:
    assert f"'m3net {command}' needs --ckpt_path" in refusal(m3net(command))


def test_other_attributes_are_named(m3net: Command, refusal: Refusal, own_run: Path) -> None:
    done = m3net("test", "--ckpt_path", own_run, "--data.columns.attributes=[colour,details]")
    sentence = refusal(done)
    assert "attribute 'colour' is new; attribute 'sleeve_length' is missing" in sentence
    assert "details" not in sentence


def test_other_classes_are_named(
    m3net: Command, refusal: Refusal, own_run: Path, catalogue: Path, tmp_path: Path
) -> None:
    file = tmp_path / "other.csv"
    file.write_text(catalogue.read_text(encoding="utf-8").replace("elbow", "half"), "utf-8")
    place = ("--data.file", file, "--data.root", catalogue.parent)
    done = m3net("test", "--ckpt_path", own_run, *place)
    expected = "attribute 'sleeve_length': class 'elbow' is missing, class 'half' is new"
    assert expected in refusal(done)


def test_another_shape_is_refused(m3net: Command, refusal: Refusal, own_run: Path) -> None:
    done = m3net("test", "--ckpt_path", own_run, "--model.network.class_dim=3")
    assert "does not fit the settings of model.network" in refusal(done)


def test_another_ranking_gives_other_scores(m3net: Command, own_run: Path, trained: Path) -> None:
    done = m3net("test", "--ckpt_path", own_run, NO_GALLERY, "--model.ranking=posterior")
    assert done.returncode == 0, done.stderr
    ours, theirs = scores_in(own_run / "test"), scores_in(trained / "test")
    for name in ours:
        assert ours[name]["num_queries"] == theirs[name]["num_queries"]
        assert ours[name]["map_all"] != theirs[name]["map_all"]


def test_flags_beat_files_and_files_beat_the_checkpoint(
    m3net: Command, own_run: Path, tmp_path: Path
) -> None:
    file = tmp_path / "own.yaml"
    own = {
        "model": {"ranking": "duet"},
        "data": {"init_args": {"loading": {"batch_size": 7, "resize": "crop"}}},
    }
    file.write_text(yaml.safe_dump(own), encoding="utf-8")
    flags = ("--data.loading.resize=stretch", "--config", file, "--data.loading.batch_size=9")
    done = m3net("test", "--ckpt_path", own_run, *flags, "--print_config")
    assert done.returncode == 0, done.stderr
    config = yaml.safe_load(done.stdout)
    loading = config["data"]["init_args"]["loading"]
    assert loading["batch_size"] == 9
    # Of a file and a flag the later one counts, as everywhere on this command line.
    assert loading["resize"] == "crop"
    assert loading["image_size"] == 48
    assert config["model"]["ranking"] == "duet"
    assert config["model"]["network"]["init_args"]["attention_dim"] == 16
    assert config["ckpt_path"] == str(own_run / "checkpoints" / "best.ckpt")


def test_a_single_batch_can_be_tested_even_one_without_a_query(
    m3net: Command, own_run: Path
) -> None:
    limited = ("--trainer.limit_test_batches=1", "--data.loading.batch_size=1")
    done = m3net("test", "--ckpt_path", own_run, *limited)
    assert done.returncode == 0, done.stderr
    rows = scores_in(own_run / "test")
    assert rows["overall (by queries)"]["num_queries"] == 0
    assert rows["overall (by queries)"]["map_all"] is None
    assert not list((own_run / "test").rglob("*.png"))


def test_code_in_a_checkpoint_is_not_run(
    m3net: Command, refusal: Refusal, settings: Path, trained: Path, tmp_path: Path
) -> None:
    class Payload:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
            return exec, (f"open({str(tmp_path / 'proof')!r}, 'w')",)

    file = tmp_path / "wrong.ckpt"
    contents = torch.load(trained / "checkpoints" / "best.ckpt")
    torch.save(contents | {"callbacks": Payload()}, file)
    for command in ("test", "fit"):
        words = ("--config", settings, "--ckpt_path", file, "--runs", tmp_path)
        assert f"{file} cannot be read as a checkpoint" in refusal(m3net(command, *words))
    assert not (tmp_path / "proof").exists()
