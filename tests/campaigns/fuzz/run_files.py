"""The readers of a run folder."""

import io
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

from m3net.experiments.csv_logger import drop_rows
from m3net.experiments.run import Run
from m3net.models.restoring import load_checkpoint
from m3net.reports.page.run_files import read_tested_run
from m3net.training.resume import Finished, check_unfinished, find_start
from tests.campaigns.fuzz.target import Target, one_file
from tests.support.checkpoint_files import contents


def run_folder(run: Path) -> list[Target]:
    """Write what a run of two steps leaves, and give its readers."""
    (run / "test").mkdir(parents=True)
    (run / "checkpoints").symlink_to(run)
    buffer = io.BytesIO()
    torch.save(contents(progress={"batches": 0}), buffer)
    limits = {"max_epochs": 3, "max_steps": -1, "max_time": None}
    whole = {
        "config.yaml": f"trainer: {json.dumps(limits)}\n"
        "data: {class_path: own.Data, init_args: {file: a.csv}}\n"
        "model: {metrics: {without_relevant: skip}}\n",
        "metrics.csv": "epoch,step,train/loss,val/map_all\n0,0,1.5,\n0,1,1.25,\n0,1,,0.5\n",
        "metrics.json": '{"best": {"epoch": 0, "val/map_all": 0.5}, "steps": 2, "images": 8, '
        '"seconds": 1.5, "parameters": 3, "versions": {"torch": "2"}, "commit": null}',
        "test/scores.csv": "attribute,protocol,num_queries,map\ncollar,single,3,0.5\n",
        "finished.json": json.dumps({"command": "fit", "steps": 3, "limits": limits}),
    }
    for name, text in whole.items():
        (run / name).write_text(text, encoding="utf-8")

    def finished(_: Path) -> None:
        with suppress(Finished):
            check_unfinished(run, "fit", {"trainer": limits})

    def target(name: str, file: str, read: Callable[[Path], object]) -> Target:
        return one_file(f"run: {name}", 15, run / file, read)

    return [
        Target("run: checkpoint", 20, run / "last.ckpt", [buffer.getvalue()], load_checkpoint),
        Target(
            "run: resumed", 20, run / "last.ckpt", [buffer.getvalue()], lambda _: find_start(run)
        ),
        target("config.yaml", "config.yaml", lambda _: json.dumps(Run(run).settings())),
        target("metrics.csv", "metrics.csv", lambda file: drop_rows(file, 1)),
        target("finished.json", "finished.json", finished),
        *(
            target(f"{name} of a page", name, lambda _: read_tested_run(run))
            for name in list(whole)[:4]
        ),
    ]
