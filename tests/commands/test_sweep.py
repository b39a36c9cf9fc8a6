"""`m3net sweep` with real trainings: interrupted and continued, ranked, refused."""

import csv
import json
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from tests.support.commands import Command, Refusal

BACKBONE = "model.network.backbone"
BACKBONES = ["test_resnet", "resnet10t", "no_such_network"]


@pytest.fixture(scope="module")
def file(settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grid of three trials, the last of which cannot be trained."""
    place = tmp_path_factory.mktemp("sweep") / "shop.yaml"
    write(
        place,
        {
            "method": "grid",
            "metric": {"name": "val/map_all", "goal": "maximize"},
            "early_terminate": {"type": "hyperband", "min_iter": 1},
            "parameters": {BACKBONE: {"values": BACKBONES}, "model.metrics.top_k": {"value": 0}},
            "command": ["${env}", "m3net", "fit", "--config", str(settings), "${args}"],
        },
    )
    return place


def write(file: Path, content: dict[str, Any]) -> None:
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def changed(file: Path, folder: Path, **changes: object) -> Path:
    """Write a sweep of the same name with other content."""
    place = folder / file.name
    write(place, yaml.safe_load(file.read_text(encoding="utf-8")) | changes)
    return place


@pytest.fixture(scope="module")
def interrupted(file: Path, runs: Path) -> tuple[int, list[str], bytes]:
    """Exit code, processes left and ranking of a sweep that was stopped in its second trial."""
    command = [sys.executable, "-m", "m3net", "sweep", "--local", str(file), "--runs", str(runs)]
    folder = runs / "sweep" / "shop"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        # It is there before its process is, so that the signal comes amid the start.
        second = folder / "logs" / "trial-1.txt"
        while process.poll() is None and not second.exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=300)
    assert said.decode().splitlines()[-1] == "m3net: stopped"
    return process.returncode, processes_of(folder), (folder / "ranking.csv").read_bytes()


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of processes that name a folder."""
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("only Linux lists processes in files")
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        # Others may end in this moment.
        with suppress(OSError):
            found.append(file.read_text(encoding="utf-8", errors="replace"))
    return [words for words in found if str(folder) in words]


@pytest.fixture(scope="module")
def continued(
    interrupted: tuple[int, list[str], bytes],
    process: Command,
    file: Path,
    runs: Path,
    empty_folder: Path,
) -> CompletedProcess[str]:
    """The output of the same command, typed again."""
    assert interrupted[0] == 143
    return process("sweep", "--local", file, "--runs", runs, cwd=empty_folder)


@pytest.fixture(scope="module")
def folder(continued: CompletedProcess[str], runs: Path) -> Path:
    assert continued.returncode == 1, continued.stderr
    return runs / "sweep" / "shop"


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_what_is_stopped_leaves_no_training_and_a_ranking(
    interrupted: tuple[int, list[str], bytes],
) -> None:
    _, left, ranking = interrupted
    assert left == []
    assert [(row["trial"], row[BACKBONE]) for row in rows(ranking.decode())] == [
        ("0", BACKBONES[0])
    ]


def test_what_was_done_is_not_done_again(continued: CompletedProcess[str], folder: Path) -> None:
    assert f"3 trials; logs in {folder / 'logs'}" in continued.stdout
    assert "trial-0, done before: MAP@all" in continued.stdout
    trained = {
        place.name: sorted(own.name for own in place.iterdir())
        for place in (folder / "runs").iterdir()
    }
    assert trained["trial-0"] == ["0"]
    proposals = json.loads((folder / "proposals.json").read_text("utf-8"))
    assert proposals == [{BACKBONE: name, "model.metrics.top_k": 0} for name in BACKBONES]


def test_the_ranking_holds_the_runs_own_scores_best_first(folder: Path) -> None:
    ranking = rows((folder / "ranking.csv").read_text("utf-8"))
    for row in ranking[:2]:
        best = json.loads((folder / row["run"] / "metrics.json").read_text("utf-8"))["best"]
        assert float(row["val/map_all"]) == best["val/map_all"]
        config = yaml.safe_load((folder / row["run"] / "config.yaml").read_text("utf-8"))
        assert config["model"]["network"]["init_args"]["backbone"] == row[BACKBONE]
        assert row["status"] == "done"
    assert float(ranking[0]["val/map_all"]) >= float(ranking[1]["val/map_all"])
    assert {row["trial"] for row in ranking[:2]} == {"0", "1"}
    assert not list(folder.rglob("test")), "a sweep does not look at test images"


def test_a_trial_that_fails_is_ranked_last_with_its_reason(
    folder: Path,
) -> None:
    [*_, last] = rows((folder / "ranking.csv").read_text("utf-8"))
    assert (last["trial"], last["val/map_all"], last["run"]) == ("2", "", "")
    log = folder / "logs" / "trial-2.txt"
    reason = log.read_text("utf-8").strip().splitlines()[-1]
    assert "no_such_network" in reason
    assert last["status"] == f"failed: {reason} (log: {log})"
    assert f"trial 2 failed: {reason}" in (folder / "ranking.md").read_text("utf-8")


def test_the_terminal_shows_the_ranking_and_how_to_train_the_best(
    continued: CompletedProcess[str], folder: Path, m3net: Command
) -> None:
    best, *_ = rows((folder / "ranking.csv").read_text("utf-8"))
    [line] = [line for line in continued.stdout.splitlines() if best["run"] in line]
    assert f"{100 * float(best['val/map_all']):.2f}" in line
    assert "early_terminate" in continued.stdout
    command = shlex.split(continued.stdout.splitlines()[-1])
    assert command[:2] == ["m3net", "train"]
    done = m3net(*command[1:], "--print_config")
    assert done.returncode == 0, done.stderr
    assert (
        yaml.safe_load(done.stdout)["model"]["network"]["init_args"]["backbone"] == best[BACKBONE]
    )


def test_fewer_trials_leave_what_is_done(
    m3net: Command, file: Path, runs: Path, folder: Path
) -> None:
    before = (folder / "ranking.csv").read_text("utf-8")
    done = m3net("sweep", "--local", file, "--runs", runs, "--trials=1")
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines() if "done before" in line] == [
        "trial-0, done before",
        "trial-1, done before",
    ]
    assert rows((folder / "ranking.csv").read_text("utf-8")) == rows(before)[:2]


def test_another_sweep_under_the_results_of_one_is_refused(
    m3net: Command, refusal: Refusal, file: Path, runs: Path, folder: Path, tmp_path: Path
) -> None:
    words = ("sweep", "--runs", runs, "--local")
    parameters = {BACKBONE: {"values": BACKBONES}, "model.metrics.top_k": {"value": 1}}
    sentence = refusal(m3net(*words, changed(file, tmp_path, parameters=parameters)))
    assert str(folder) in sentence
    assert "parameters.model.metrics.top_k.value was 0 and is 1" in sentence
    assert "seed was 0 and is 1" in refusal(m3net(*words, file, "--seed=1"))


def test_a_second_sweep_in_the_same_folder_is_refused(
    m3net: Command, refusal: Refusal, file: Path, runs: Path, folder: Path
) -> None:
    code = "import sys; from m3net.base.lock import Lock, Path; lock = Lock(Path(sys.argv[1]))"
    code += "; print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(folder / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        sentence = refusal(m3net("sweep", "--local", file, "--runs", runs))
        other.communicate()
    assert f"another process trains in {folder}" in sentence


@pytest.mark.parametrize(
    "name", ["proposals.json", "records/trial-0.json", "runs/trial-0/0/metrics.json", "sweep.yaml"]
)
def test_a_damaged_file_of_a_sweep_is_named(
    m3net: Command, file: Path, runs: Path, folder: Path, name: str
) -> None:
    damaged = folder / name
    whole = damaged.read_bytes()
    damaged.write_bytes(b"[" + whole)
    try:
        done = m3net("sweep", "--local", file, "--runs", runs, "--trials=1")
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert done.stderr.splitlines()[-1].startswith(f"m3net: {damaged} is not the ")
    finally:
        damaged.write_bytes(whole)


@pytest.mark.parametrize(
    ("changes", "flags", "said"),
    [
        ({"parameters": {"model.losss.margin": {"value": 1}}}, [], "losss"),
        (
            {
                "parameters": {
                    BACKBONE: {"value": "resnet10t"},
                    "model.ranking": {"values": ["class", "best"]},
                }
            },
            [],
            "best",
        ),
        ({"method": "guess"}, [], "shop.yaml: method: Input should be 'grid', 'random' or 'bayes'"),
        ({"method": "random"}, [], "set trials to a positive number"),
        ({}, ["--jobs=0"], "--jobs is 0"),
        ({}, ["--seed=-1"], "--seed is -1"),
    ],
)
def test_a_slip_is_refused_before_anything_is_trained(
    m3net: Command,
    refusal: Refusal,
    file: Path,
    tmp_path: Path,
    changes: dict[str, Any],
    flags: list[str],
    said: str,
) -> None:
    own = changed(file, tmp_path, **changes)
    done = m3net("sweep", "--local", own, "--runs", tmp_path / "runs", *flags)
    assert said in refusal(done)
    assert not (tmp_path / "runs").exists()


def test_without_local_it_says_what_to_type_for_wandb(
    m3net: Command, refusal: Refusal, file: Path, tmp_path: Path
) -> None:
    done = m3net("sweep", file)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert {f"wandb sweep {file}", "wandb agent ENTITY/PROJECT/ID"} <= {*lines}
    assert f"m3net sweep --local {file}" in lines
    assert "none.yaml not found" in refusal(m3net("sweep", tmp_path / "none.yaml"))
