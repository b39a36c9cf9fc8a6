"""The readers of run folders, each with a way to draw what would harm."""

import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from hypothesis import strategies as st

from m3net.errors import M3NetError
from m3net.experiments.checkpoints import loading_of
from m3net.experiments.csv_logger import drop_rows
from m3net.models.restoring import load_checkpoint
from m3net.reports.page.run_files import read_tested_run
from m3net.training.resume import Finished, check_unfinished, find_start, finish
from m3net.workflows.cli import resolve
from m3net.workflows.cli.run_settings import evaluation_defaults, resumable_settings
from m3net.workflows.studies.comparison_results import COSTS, read_results
from m3net.workflows.studies.job import Job, read_record, write_record
from m3net.workflows.studies.proposals import read_proposals
from m3net.workflows.studies.sweep_study import best_score
from tests.campaigns.fuzz.hostile import (
    LIMITS,
    bombs,
    tables,
    to_checkpoint,
    to_csv,
    to_json,
    trees,
)
from tests.campaigns.fuzz.hostile_links import links
from tests.campaigns.fuzz.target import Target
from tests.support.checkpoint_files import contents
from tests.support.commands import CONFIGS
from tests.support.hostile.run_bombs import (
    checkpoint_bombs,
    json_bombs,
    packed,
    pickle_parts,
    table_bombs,
    yaml_bombs,
)
from tests.support.sweeps import sweep_of

SUMMARY = {
    **dict.fromkeys(COSTS, 2),
    "best": {"epoch": 0, "val/map_all": 0.5},
    "last": None,
    "skipped_steps": 0,
    "commit": "abc",
    "device": "CPU",
    "versions": {"torch": "2"},
}
LOADING = {"image_size": 32, "batch_size": 8, "num_workers": 0}
EXACTLY = 100
"""Of the settings that were let through, one in so many is parsed by the command line, too."""


def hostile_runs(folder: Path, outside: Path) -> list[Target]:
    """Write a run folder, and return the readers of its files.

    Args:
        folder: Takes the run folder.
        outside: Things that nobody may touch.
    """
    run = folder / "run"
    for name in ("checkpoints", "test", "validate"):
        (run / name).mkdir(parents=True)
    return [
        *_checkpoints(run, outside),
        *_settings(run, outside),
        *_jsons(folder, run, outside),
        *_tables(run, outside),
        links(folder, outside),
    ]


def _checkpoints(run: Path, outside: Path) -> list[Target]:
    keeper = {
        "dirpath": "/old",
        "best_k_models": {"/old/best.ckpt": torch.tensor(0.5)},
        **dict.fromkeys(("best_model_path", "kth_best_model_path"), "/old/best.ckpt"),
        "last_model_path": "",
    }
    loops = {"fit_loop": {"epoch_progress": {"current": {"completed": 1}}}}
    whole = contents(
        progress={"batches": 0},
        callbacks={"ModelCheckpoint{}": keeper, "TrainingSummary": {"seconds": 1.0}},
        loops=loops,
        datamodule_hyper_parameters={"loading": LOADING},
        optimizer_states=[{"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": []}],
    )
    file = run / "checkpoints" / "last.ckpt"

    def read(file: Path) -> None:
        found = load_checkpoint(file)
        loading_of(found)
        evaluation_defaults("predict", found, None)
        for state in (found.get("callbacks") or {}).values():
            for path in state.get("best_k_models", {}) if isinstance(state, dict) else ():
                assert Path(path).parent == file.parent, path

    drawn = trees(whole, outside, to_checkpoint)
    parts = st.lists(st.sampled_from(pickle_parts()), max_size=8)
    kinds = st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    programs = st.builds(
        lambda own, kind, data: packed(b"\x80\x02" + b"".join(own) + b".", {"0": data}, kind),
        parts,
        kinds,
        st.sampled_from([b"", bytes(4), bytes(4096)]),
    )
    honest = [to_checkpoint(whole)]
    return [
        Target("hostile: checkpoint", 71, file, honest, read, drawn=drawn),
        Target(
            "hostile: checkpoint, resumed",
            47,
            file,
            honest,
            lambda _: find_start(run),
            drawn=drawn,
            inside=run,
        ),
        Target("hostile: pickles", 142, file, honest, read, drawn=programs),
        Target("hostile: checkpoint bombs", 5, file, honest, read, drawn=bombs(checkpoint_bombs())),
    ]


def _settings(run: Path, outside: Path) -> list[Target]:
    words = [
        "--config",
        CONFIGS / "data/catalogue.yaml",
        "--config",
        CONFIGS / "model/m3net_plus.yaml",
    ]
    whole = resolve(["fit", *map(str, words), "--data.file=a.csv"])
    checkpoint, file = contents(), run / "config.yaml"
    logger = {
        "class_path": "m3net.experiments.csv_logger.RunCSVLogger",
        "init_args": {"save_dir": "a"},
    }
    whole["trainer"] = {**whole["trainer"], "logger": logger}
    count = [0]

    def resume(_: Path) -> None:
        found = resumable_settings(run, ())
        count[0] += 1
        if count[0] % EXACTLY == 0:
            with suppress(M3NetError):
                resolve(["fit", "--config", json.dumps(found)])

    def evaluate(_: Path) -> None:
        found = evaluation_defaults("test", checkpoint, run)
        assert found["data"]["class_path"].startswith("m3net.data.datamodules.")

    drawn = trees(whole, outside, to_json)
    return [
        Target("hostile: settings, resumed", 119, file, [to_json(whole)], resume, drawn=drawn),
        Target("hostile: settings, tested", 71, file, [to_json(whole)], evaluate, drawn=drawn),
        Target(
            "hostile: settings bombs",
            5,
            file,
            [to_json(whole)],
            resume,
            drawn=bombs(yaml_bombs()),
        ),
    ]


def _jsons(folder: Path, run: Path, outside: Path) -> list[Target]:
    record = folder / "records" / "a.json"
    job = Job("a", ("train",), {"model": {"lr": 0.1}}, ("config.yaml",))
    write_record(record, job, "runs/a/0")
    finish(run, "fit", {"trainer": LIMITS}, 3)
    parameters: dict[str, dict[str, Any]]
    parameters = {"lr": {"min": 0.1, "max": 0.5}, "backbone": {"values": ["resnet18", None]}}
    sweep = sweep_of("random", parameters)
    config = {
        "model": {"ranking": "class", "metrics": {"without_relevant": "skip"}},
        "data": {"class_path": "own.Data"},
    }
    (run / "config.yaml").write_bytes(to_json(config))
    scores = "attribute,protocol,num_queries,map\ncollar,single,3,0.5\n"
    for name in ("test", "validate"):
        (run / name / "scores.csv").write_text(scores, encoding="utf-8")

    def finished(_: Path) -> None:
        with suppress(Finished):
            check_unfinished(run, "fit", {"trainer": LIMITS})

    def target(name: str, file: Path, whole: Any, read: Callable[[Path], object]) -> Target:  # noqa: ANN401
        drawn = st.one_of(trees(whole, outside, to_json), bombs(json_bombs()))
        return Target(f"hostile: {name}", 62, file, [to_json(whole)], read, drawn=drawn)

    return [
        target("metrics.json", run / "metrics.json", SUMMARY, lambda _: read_tested_run(run)),
        target("metrics.json of a sweep", run / "metrics.json", SUMMARY, lambda _: best_score(run)),
        target(
            "metrics.json of a comparison",
            run / "metrics.json",
            SUMMARY,
            lambda _: read_results({("a", 0): run}, {"a": []}),
        ),
        target(
            "finished.json",
            run / "finished.json",
            {"command": "fit", "steps": 3, "limits": LIMITS},
            finished,
        ),
        target(
            "record", record, json.loads(record.read_text()), lambda file: read_record(file, "a")
        ),
        target(
            "proposals",
            folder / "proposals.json",
            [{"lr": 0.25, "backbone": None}] * 2,
            lambda file: read_proposals(file, sweep),
        ),
    ]


def _tables(run: Path, outside: Path) -> list[Target]:
    curves = [{"epoch": "0", "step": f"{step}", "train/loss": "1.5"} for step in range(3)]
    drawn = tables(curves, outside, to_csv) | bombs(table_bombs())
    scores = run / "test" / "scores.csv"
    row = {"attribute": "collar", "protocol": "single", "num_queries": "3", "map": "0.5"}
    honest = [to_csv(pd.DataFrame(curves))]
    file = run / "metrics.csv"
    return [
        Target(
            "hostile: metrics.csv, resumed",
            38,
            file,
            honest,
            lambda own: drop_rows(own, 1),
            drawn=drawn,
        ),
        Target(
            "hostile: metrics.csv", 38, file, honest, lambda _: read_tested_run(run), drawn=drawn
        ),
        Target(
            "hostile: scores.csv",
            38,
            scores,
            [scores.read_bytes()],
            lambda _: read_tested_run(run),
            drawn=tables([row] * 2, outside, to_csv) | bombs(table_bombs()),
            inside=run,
        ),
    ]
