"""The readers of what somebody else has packed, each with a way to draw what would harm."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from hypothesis import strategies as st
from safetensors.torch import save

from m3net.callbacks.page.run_files import read_tested_run
from m3net.checkpoints import load_checkpoint, loading_of
from m3net.cli import resolve
from m3net.comparison.results import COSTS, read_results
from m3net.csv_logger import RunCSVLogger, forget_rows
from m3net.data.annotations import darn
from m3net.data.annotations.catalogue import CatalogueColumns, read_catalogue
from m3net.data.photos.journal import Journal
from m3net.embeddings.files import read_embeddings
from m3net.errors import M3NetError
from m3net.files import make_folder, write_text
from m3net.jobs.job import Job
from m3net.jobs.record import read_record, write_record
from m3net.lock import Lock
from m3net.resume import Finished, Start, check_unfinished, find_start, finish, prepare
from m3net.run_settings import evaluation_defaults, resumable_settings
from m3net.sweep.file import Sweep
from m3net.sweep.parameters import read_parameter
from m3net.sweep.results import best_score, read_proposals
from m3net.untrusted.folder import check_run_folder
from tests.bombs import csv_bombs, journal_bombs, parquet_bombs, safetensors_bombs
from tests.checkpoint_files import contents
from tests.fuzz.hostile import (
    class_trees,
    paths,
    tables,
    to_checkpoint,
    to_csv,
    to_json,
    to_parquet,
    trees,
)
from tests.fuzz.target import Target
from tests.hostile.run_bombs import (
    checkpoint_bombs,
    json_bombs,
    packed,
    pickle_parts,
    table_bombs,
    yaml_bombs,
)

CONFIGS = Path(__file__).parents[2] / "configs"
LIMITS = {"max_epochs": 3, "max_steps": -1, "max_time": None}
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


def hostile_targets(folder: Path) -> list[Target]:
    """Write a run folder, and things beside it that nobody may touch; give the readers.

    Args:
        folder: Empty, or not there.
    """
    outside, run = folder / "outside", folder / "run"
    for place in (outside / "deep", run / "checkpoints", run / "test"):
        place.mkdir(parents=True)
    for name in ("kept.txt", "deep/kept.txt", "best.ckpt"):
        (outside / name).write_text("kept", encoding="utf-8")
    os.mkfifo(outside / "pipe")
    return [
        *_checkpoints(run, outside),
        *_settings(run, outside),
        *_jsons(folder, run, outside),
        *_tables(folder, run, outside),
        *_journals(folder, outside),
        _links(folder, outside),
    ]


def _bombs(given: dict[str, bytes]) -> st.SearchStrategy[bytes]:
    return st.sampled_from([*given.values()])


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
        Target(
            "hostile: checkpoint bombs", 5, file, honest, read, drawn=_bombs(checkpoint_bombs())
        ),
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
    logger = {"class_path": "m3net.csv_logger.RunCSVLogger", "init_args": {"save_dir": "a"}}
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
            drawn=_bombs(yaml_bombs()),
        ),
    ]


def _jsons(folder: Path, run: Path, outside: Path) -> list[Target]:
    record = folder / "records" / "a.json"
    job = Job("a", ("train",), {"model": {"lr": 0.1}}, ("config.yaml",))
    write_record(record, job, "runs/a/0")
    finish(run, "fit", {"trainer": LIMITS}, 3)
    space = {"lr": {"min": 0.1, "max": 0.5}, "backbone": {"values": ["resnet18", None]}}
    sweep = Sweep(
        "own",
        "random",
        {n: read_parameter(own) for n, own in space.items()},
        ("",),
        None,
        False,
        {},
    )
    config = {
        "model": {"ranking": "class", "metrics": {"without_relevant": "skip"}},
        "data": {"class_path": "own.Data"},
    }
    (run / "config.yaml").write_bytes(to_json(config))
    scores = "attribute,protocol,num_queries,map\ncollar,single,3,0.5\n"
    (run / "validate").mkdir()
    for name in ("test", "validate"):
        (run / name / "scores.csv").write_text(scores, encoding="utf-8")

    def finished(_: Path) -> None:
        with suppress(Finished):
            check_unfinished(run, "fit", {"trainer": LIMITS})

    def target(name: str, file: Path, whole: Any, read: Callable[[Path], object]) -> Target:  # noqa: ANN401
        drawn = st.one_of(trees(whole, outside, to_json), _bombs(json_bombs()))
        return Target(f"hostile: {name}", 62, file, [to_json(whole)], read, drawn=drawn)

    names = {"clothes length": ["a", "b", "c", "d", "e", "f", "g"]}
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
        target("names.json", folder / "names.json", names, darn.read_names),
    ]


def _tables(folder: Path, run: Path, outside: Path) -> list[Target]:
    columns = CatalogueColumns(split="split", item="item")
    honest = {"image": ["a.jpg"], "split": ["train"], "item": ["p"], "sleeve": ["long|short"]}
    vectors = {"image": ["a.jpg"], "attribute": ["collar"], "vector": [[1.0, 2.0]]}
    table = pd.DataFrame(honest)

    def catalogue(file: Path) -> None:
        read_catalogue(file, columns)

    def embeddings(file: Path) -> None:
        read_embeddings(file, {"collar": ["a.jpg"]}, folder)

    def parquet(given: dict[str, Any]) -> bytes:
        buffer = io.BytesIO()
        pd.DataFrame(given).to_parquet(buffer, index=False)
        return buffer.getvalue()

    curves = ["epoch", "step", "train/loss"]
    rows = pd.DataFrame({"epoch": ["0"], "step": ["0"], "train/loss": ["1.5"]})
    drawn = tables(curves, outside, to_csv) | _bombs(table_bombs())
    return [
        Target(
            "hostile: catalogue, CSV",
            57,
            folder / "hostile.csv",
            [to_csv(table)],
            catalogue,
            drawn=tables([*honest], outside, to_csv) | _bombs(csv_bombs()),
        ),
        Target(
            "hostile: catalogue, Parquet",
            47,
            folder / "hostile.parquet",
            [to_parquet(table)],
            catalogue,
            drawn=tables([*honest], outside, to_parquet) | _bombs(parquet_bombs()),
        ),
        Target(
            "hostile: vectors, Parquet",
            14,
            folder / "vectors.parquet",
            [parquet(vectors)],
            embeddings,
            drawn=_bombs(parquet_bombs()),
        ),
        Target(
            "hostile: vectors, safetensors",
            14,
            folder / "vectors.safetensors",
            [_safetensors()],
            embeddings,
            drawn=_bombs(safetensors_bombs()),
        ),
        Target(
            "hostile: metrics.csv, resumed",
            38,
            run / "metrics.csv",
            [to_csv(rows)],
            lambda file: forget_rows(file, 1),
            drawn=drawn,
        ),
        Target(
            "hostile: metrics.csv",
            38,
            run / "metrics.csv",
            [to_csv(rows)],
            lambda _: read_tested_run(run),
            drawn=drawn,
        ),
        Target(
            "hostile: scores.csv",
            38,
            run / "test" / "scores.csv",
            [(run / "test" / "scores.csv").read_bytes()],
            lambda _: read_tested_run(run),
            drawn=tables(["attribute", "protocol", "num_queries", "map"], outside, to_csv),
            inside=run,
        ),
    ]


def _safetensors() -> bytes:
    return save({"collar": torch.ones(1, 2)}, {"images": '["a.jpg"]'})


def _journals(folder: Path, outside: Path) -> list[Target]:
    head = b'{"journal": "photos"}\n'
    whole = head + b'["a.jpg", 3, 4]\n'
    values = st.one_of(class_trees(), paths(outside), st.integers(), st.none())
    lines = st.lists(values.map(to_json) | st.lists(values, max_size=4).map(to_json), max_size=4)
    drawn = lines.map(lambda own: head + b"".join(line + b"\n" for line in own))

    def read(file: Path) -> None:
        with Journal(file, "photos") as journal:
            for key, numbers in journal.done.items():
                assert isinstance(key, str)
                assert all(type(number) is int for number in numbers)

    bombs = drawn | _bombs(journal_bombs())
    return [Target("hostile: journal", 71, folder / "journal", [whole], read, drawn=bombs)]


def _links(folder: Path, outside: Path) -> Target:
    """A run folder with links, hard links, pipes and folders where files belong."""
    names = (
        *("test", "test/scores.csv", "test/.scores.csv.part", "test/galleries", "checkpoints"),
        *(
            "checkpoints/last.ckpt",
            "checkpoints/.last.ckpt.part",
            "metrics.csv",
            ".lock",
            "predict",
        ),
        *(
            "metrics.json",
            ".metrics.json.part",
            "finished.json",
            "config.yaml",
            "rankings",
            "wandb",
        ),
        *("deep/er/link", "nonfinite.csv", "wandb-id.txt", ".metrics.csv.part"),
    )
    targets = (
        *("../outside", "../outside/kept.txt", "../outside/new.txt", "..", "/etc", "/etc/hostname"),
        *("/dev/zero", "/dev/full", ".", "test", "loop", str(outside), str(outside / "deep")),
        *("../../outside", "metrics.csv", "../run-of-links/test", "/usr"),
    )
    kinds = ("link", "link", "link", "hard", "pipe", "folder", "file")
    plans = st.lists(
        st.tuples(st.sampled_from(names), st.sampled_from(kinds), st.sampled_from(targets)),
        min_size=1,
        max_size=4,
    ).map(to_json)
    run = folder / "run-of-links"

    def use(file: Path) -> None:
        """Lay what the plan says, and write as a test and a training that is resumed do."""
        _clear(run)
        (run / "checkpoints").mkdir(parents=True)
        (run / "test").mkdir()
        for name, kind, target in json.loads(file.read_text(encoding="utf-8")):
            # An earlier link may lead away from here.
            if os.path.realpath((run / name).parent).startswith(os.path.realpath(run)):
                with suppress(OSError):
                    _lay(run / name, kind, target, outside)
        before = _listing(outside)
        try:
            check_run_folder(run)
            make_folder(run / "test" / "galleries")
            for name in ("test/scores.csv", "metrics.json", "checkpoints/best.ckpt"):
                write_text(run / name, "new")
            Lock(run)
            logger = RunCSVLogger(str(run))
            logger.log_metrics({"loss": 1.0}, 1)
            logger.save()
            prepare(run, Start(None, None))
            finish(run, "fit", {"trainer": LIMITS}, 3)
        finally:
            assert _listing(outside) == before

    return Target(
        "hostile: links", 71, folder / "plan.json", [b"[]"], use, drawn=plans, inside=folder
    )


def _lay(place: Path, kind: str, target: str, outside: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    _clear(place)
    if kind == "link":
        place.symlink_to(target)
    elif kind == "hard":
        place.hardlink_to(outside / "kept.txt")
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.write_text("loss,step\n0.5,0\n", encoding="utf-8")


def _clear(place: Path) -> None:
    """Remove a file or a folder by full names, which tell where it lies."""
    if place.is_dir() and not place.is_symlink():
        for inner in place.iterdir():
            _clear(inner)
        place.rmdir()
    else:
        place.unlink(missing_ok=True)


def _listing(folder: Path) -> dict[str, str]:
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return {str(file): file.read_text(encoding="utf-8") for file in files}
