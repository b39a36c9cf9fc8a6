"""Weights & Biases without its server: what commands wrote for it, read back from its files."""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml

from m3net.boundary.links import check_run_folder
from tests.support.commands import CONFIGS, Command
from tests.support.wandb_files import WrittenRun

LOGGER = ("--config", CONFIGS / "logger/wandb.yaml")
SHORT = ("--trainer.limit_train_batches=1", "--model.metrics.top_k=0")


def written(run: Path) -> WrittenRun:
    """Read the only W&B run of a run folder."""
    [folder] = (run / "wandb").glob("offline-run-*")
    return WrittenRun(folder)


@pytest.fixture(autouse=True, scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Be somebody who never heard of W&B, whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("WANDB_")]:
            patch.delenv(name)
        patch.setenv("NETRC", str(tmp_path_factory.mktemp("home") / "netrc"))
        patch.setenv("WANDB_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))
        yield


@pytest.fixture(scope="module")
def training_without_login(
    process: Command, settings: Path, empty_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[CompletedProcess[str], Path]:
    """What `m3net train` with the logger said, and its run folder."""
    runs = tmp_path_factory.mktemp("logged")
    words = ("train", "--config", settings, *LOGGER, "--runs", runs, "--trainer.max_epochs=2")
    done = process(*words, "--rankings=[attribute]", cwd=empty_folder)
    assert done.returncode == 0, done.stderr
    return done, runs / "shop" / "0"


@pytest.fixture(scope="module")
def folder(training_without_login: tuple[CompletedProcess[str], Path]) -> Path:
    return training_without_login[1]


@pytest.fixture(scope="module")
def logged(folder: Path) -> WrittenRun:
    return written(folder)


@pytest.fixture(scope="module")
def resumed(process: Command, settings: Path, folder: Path, empty_folder: Path) -> Path:
    """The run folder of a training by two processes that went on from the first one's end."""
    runs = folder.parents[1]
    words = ("fit", "--config", settings, *LOGGER, "--runs", runs, "--ckpt_path", folder)
    two = ("--trainer.strategy=ddp", "--trainer.devices=2", "--trainer.max_epochs=3")
    brief = ("--trainer.limit_val_batches=0", "--checkpoint.monitor=null")
    done = process(*words, *two, *brief, cwd=empty_folder, WANDB_MODE="offline")
    assert done.returncode == 0, done.stderr
    assert "no login" not in done.stderr, "offline was asked for"
    return runs / "shop" / "1"


def test_without_login_it_logs_offline_says_so_and_little_else(
    training_without_login: tuple[CompletedProcess[str], Path], folder: Path, empty_folder: Path
) -> None:
    lines = training_without_login[0].stderr.splitlines()
    [hint] = [line for line in lines if line.startswith("m3net: ")]
    assert "no login" in hint
    assert "wandb sync" in hint
    assert len(lines) <= 6
    [place] = [line.split()[-1] for line in lines if "saved locally" in line]
    assert Path(place).parent == folder / "wandb"
    assert list(empty_folder.iterdir()) == []


def test_no_link_leads_out_of_the_run_folder(folder: Path) -> None:
    check_run_folder(folder)


def test_all_settings_are_logged(folder: Path, logged: WrittenRun) -> None:
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    assert logged.config == config
    assert logged.config["data"]["init_args"]["split_seed"] == 0
    assert (logged.project, logged.name) == ("m3net", "shop/0")


def test_losses_are_logged_and_the_lowest_is_kept(logged: WrittenRun) -> None:
    names = {name for row in logged.history for name in row if name.startswith("train/")}
    terms = {"loss", "instance", "center", "classification"}
    assert names == {f"train/{term}" for term in terms}
    for name in names:
        assert len(logged.logged(name)) == 8
        assert logged.summary[name] == {"min": min(logged.logged(name))}


def test_scores_are_logged_and_the_highest_is_kept(folder: Path, logged: WrittenRun) -> None:
    names = {name for row in logged.history for name in row if name.startswith("val/")}
    assert {"val/map_all", "val/map_all/details", "val/recall_100_by_attribute"} <= names
    for name in names:
        assert len(logged.logged(name)) == 2
        assert logged.summary[name] == {"max": max(logged.logged(name))}
    best = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["best"]
    assert logged.summary["val/map_all"]["max"] == pytest.approx(best["val/map_all"], abs=1e-6)


def test_learning_rates_and_speed_are_logged(folder: Path, logged: WrittenRun) -> None:
    rates = logged.logged("lr/pg1")
    # A cosine from the peak to zero; a twentieth of eight steps is no warm-up.
    expected = [1e-3 * (1 + math.cos(math.pi * step / 8)) / 2 for step in range(8)]
    assert rates == pytest.approx(expected)
    speeds = logged.logged("speed/images_per_second")
    costs = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert len(speeds) == 2
    # Both epochs have as many images, so that the speed of all is their harmonic mean.
    assert 2 / sum(1 / speed for speed in speeds) == pytest.approx(costs["images_per_second"], 0.01)


def test_the_table_of_the_test_is_logged(folder: Path, logged: WrittenRun) -> None:
    [place] = logged.logged("test/scores/path")
    [run] = (folder / "wandb").glob("offline-run-*")
    table = json.loads((run / "files" / place).read_text(encoding="utf-8"))
    rows = json.loads((folder / "test" / "scores.json").read_text(encoding="utf-8"))
    assert [dict(zip(table["columns"], cells, strict=True)) for cells in table["data"]] == rows
    assert rows[-2]["attribute"] == "overall (by queries)"
    assert logged.summary["test/map_all"] == pytest.approx(rows[-2]["map_all"], abs=1e-6)


def test_another_ranking_has_names_of_its_own(folder: Path, logged: WrittenRun) -> None:
    assert len(logged.logged("test/map_all")) == 1
    own = "rankings/attribute/test"
    rows = json.loads((folder / own / "scores.json").read_text(encoding="utf-8"))
    assert logged.logged(f"{own}/map_all") == pytest.approx([rows[-2]["map_all"]], abs=1e-6)
    assert logged.logged(f"{own}/scores/nrows") == [4]


@pytest.mark.parametrize("name", ["gallery", "attention", "galleries/details"])
def test_pictures_are_logged(folder: Path, logged: WrittenRun, name: str) -> None:
    [[place]] = logged.logged(f"test/{name}/filenames")
    [run] = (folder / "wandb").glob("offline-run-*")
    original = folder / "test" / f"{name}.png"
    assert (run / "files" / place).read_bytes() == original.read_bytes()


def test_weights_stay_here(logged: WrittenRun) -> None:
    files = [file for own in logged.artifacts.values() for file in own]
    assert len(files) == 3, "tables of the test, and of the other ranking's validation and test"
    assert all(file.stat().st_size < 10_000 for file in files)


def test_two_processes_that_resume_go_on_in_the_same_run(
    resumed: Path, folder: Path, logged: WrittenRun
) -> None:
    more = written(resumed)
    assert more.id == logged.id == (folder / "wandb-id.txt").read_text(encoding="utf-8").strip()
    assert more.name == ""
    assert len(more.logged("train/loss")) == 2, "one for each step of an epoch, not two"
    for run, own in ((folder, logged), (resumed, more)):
        assert yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8")) == own.config
    assert logged.config["trainer"]["max_epochs"] == 2
    assert more.config["trainer"]["max_epochs"] == 3


def test_a_sweep_sets_flags_and_its_environment_names_the_run(
    process: Command, settings: Path, tmp_path: Path
) -> None:
    chosen = {"model.optimizer.lr": 0.002, "model.mirror": True}
    file = tmp_path / "sweep.yaml"
    file.write_text(
        yaml.safe_dump({key: {"value": value} for key, value in chosen.items()}), encoding="utf-8"
    )
    agent = {"RUN_ID": "fromsweep", "PROJECT": "elsewhere", "SWEEP_ID": "s1", "MODE": "offline"}
    flags = [f"--{key}={value}" for key, value in chosen.items()]
    words = ("fit", "--config", settings, *LOGGER, "--runs", tmp_path / "runs", *SHORT, *flags)
    environment = {f"WANDB_{key}": value for key, value in agent.items()}
    done = process(
        *words,
        "--trainer.logger.init_args.log_model=true",
        cwd=tmp_path,
        WANDB_SWEEP_PARAM_PATH=str(file),
        **environment,
    )
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "shop" / "0"
    one = written(run)
    assert (one.id, one.project) == ("fromsweep", "elsewhere")
    assert one.config["model"]["optimizer"]["lr"] == one.config["model.optimizer.lr"] == 0.002
    assert one.config["model"]["mirror"] is True
    assert one.artifacts == {"model-fromsweep": [run / "checkpoints" / "best.ckpt"]}


def test_disabled_writes_nothing(
    m3net: Command, settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "data"))
    done = m3net("train", "--config", settings, *LOGGER, "--runs", tmp_path / "runs", *SHORT)
    assert done.returncode == 0, done.stderr
    assert "wandb" not in done.stderr
    assert not [path for path in tmp_path.rglob("*") if "wandb" in path.name]


def test_a_server_out_of_reach_is_one_sentence(
    process: Command, settings: Path, tmp_path: Path
) -> None:
    done = process(
        *("fit", "--config", settings, *LOGGER, "--runs", tmp_path, *SHORT),
        cwd=tmp_path,
        WANDB_MODE="online",
        WANDB_API_KEY="a" * 40,
        WANDB_BASE_URL="http://127.0.0.1:9",
        WANDB_INIT_TIMEOUT="1",
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    [sentence] = [line for line in done.stderr.splitlines() if line.startswith("m3net: ")]
    assert "WANDB_MODE=offline" in sentence
