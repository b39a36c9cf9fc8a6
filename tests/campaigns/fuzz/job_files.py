"""The readers of what a comparison or a sweep has kept."""

import json
from pathlib import Path
from typing import Any

from m3net.workflows.commands.sweep import _check_unchanged
from m3net.workflows.studies.comparison_results import COSTS, read_results
from m3net.workflows.studies.job import Job, write_record
from m3net.workflows.studies.proposals import read_proposals
from m3net.workflows.studies.runner import Runner
from m3net.workflows.studies.sweep_file import METRIC
from m3net.workflows.studies.sweep_study import best_score
from tests.campaigns.fuzz.target import Target, one_file
from tests.support.sweeps import sweep_of

PARAMETERS: dict[str, dict[str, Any]] = {
    "lr": {"min": 0.1, "max": 0.5},
    "backbone": {"values": ["resnet18", None]},
}
SETTINGS = {"seed": 0, "method": "random", "parameters": PARAMETERS}


def job_files(folder: Path) -> list[Target]:
    """Write what is kept, and give its readers."""
    run = folder / "runs" / "a-seed0" / "0"
    for part in ("validate", "test"):
        (run / part).mkdir(parents=True)
    scores = "attribute,protocol,num_queries,map\ncollar,single,3,0.5\n"
    costs = dict.fromkeys(COSTS, 2.5) | {"best": {METRIC: 0.5}}
    whole = {
        run / "config.yaml": "model: {ranking: class}\n",
        run / "metrics.json": json.dumps(costs),
        run / "validate/scores.csv": scores,
        run / "test/scores.csv": scores,
        folder / "sweep.yaml": json.dumps(SETTINGS),
        folder / "proposals.json": json.dumps([{"lr": 0.25, "backbone": None}] * 2),
    }
    for file, text in whole.items():
        file.write_text(text, encoding="utf-8")
    job = Job("a-seed0", ("train",), {"model": {"lr": 0.1}}, ("config.yaml", "metrics.json"))
    record = folder / "records" / "a-seed0.json"
    write_record(record, job, "runs/a-seed0/0")
    sweep = sweep_of("random", PARAMETERS)

    def results(_: Path) -> None:
        read_results({("a", 0): run}, {"a": []})

    proposals = folder / "proposals.json"
    return [
        one_file("compare, sweep: record", 20, record, lambda _: Runner(folder).find(job)),
        *(
            one_file(f"compare: {name}", 5, run / name, results)
            for name in ("config.yaml", "metrics.json", "test/scores.csv")
        ),
        one_file("sweep: metrics.json", 15, run / "metrics.json", lambda _: best_score(run)),
        one_file("sweep: proposals", 20, proposals, lambda file: read_proposals(file, sweep)),
        one_file(
            "sweep: sweep.yaml",
            15,
            folder / "sweep.yaml",
            lambda file: _check_unchanged(file, SETTINGS),
        ),
    ]
