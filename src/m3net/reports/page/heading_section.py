"""The head of a page: network, data, costs and commands of a run."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from m3net.experiments.run import Run
from m3net.models.retriever import Retriever
from m3net.reports.evaluation import Evaluation
from m3net.reports.page.run_files import RunFiles, Summary


@dataclass(frozen=True)
class Heading:
    """Network, data, costs and commands of a run."""

    title: str
    facts: Sequence[tuple[str, str]]
    """Names and values."""
    commands: Sequence[tuple[str, str]]
    """What each command does, and the line to type."""
    notes: Sequence[str] = ()
    settings: str = ""
    """The run's config.yaml."""


def collect_heading(
    run: RunFiles, evaluation: Evaluation, data: Mapping[str, Any], argv: Sequence[str]
) -> Heading:
    """Return the head of a page.

    Args:
        run: The files of the run.
        evaluation: The test.
        data: Settings of the data: "class_path" and "init_args".
        argv: Arguments of the command that makes the page.
    """
    facts = [
        ("experiment", run.name),
        *_network(evaluation.retriever),
        *_data(data, evaluation),
        *_costs(run.summary),
    ]
    commands = [("makes this page", shlex.join(["m3net", *argv]))]
    notes = []
    if run.text:
        again = shlex.join(["m3net", "train", "--config", str(Run(run.folder).config)])
        commands.insert(0, ("trains and tests again", again))
    else:
        notes.append("The run folder has no config.yaml: the checkpoint was trained elsewhere.")
    if run.summary is None:
        notes.append("The run folder has no metrics.json: machine, commit and time are not known.")
    elif (run.summary.commit or "").endswith("+"):
        notes.append("A + behind the commit: files differed from it.")
    return Heading(f"{run.name}: report of a test", facts, commands, notes, run.text)


def _network(retriever: Retriever | None) -> list[tuple[str, str]]:
    if retriever is None:
        return []
    config = retriever.network.config
    mirror = ", with mirror images" if retriever.mirror else ""
    return [
        ("network", f"{config.title} on {config.backbone}"),
        ("ranked by", f"{retriever.ranking} vectors{mirror}"),
    ]


def _data(data: Mapping[str, Any], evaluation: Evaluation) -> list[tuple[str, str]]:
    kind = str(data["class_path"]).rsplit(".", 1)[-1].removesuffix("DataModule")
    arguments = dict(data.get("init_args", {}))
    size = arguments.pop("loading", {}).get("image_size")
    settings = ", ".join(f"{key} {_plain(value)}" for key, value in arguments.items())
    seen = f", seen at {size} by {size} pixels" if size else ""
    return [
        ("data", f"{kind} ({settings})" if settings else kind),
        ("protocol", evaluation.protocol),
        ("split", "test"),
        ("images", f"{len(evaluation.dataset):,}{seen}"),
    ]


def _costs(summary: Summary | None) -> list[tuple[str, str]]:
    if summary is None:
        return []
    minutes = f"{summary.seconds / 60:.1f} minutes"
    epoch = (summary.best or {}).get("epoch")
    facts = {
        "training": f"{summary.steps:,} steps, {summary.images:,} images, {minutes}",
        "best epoch": "" if epoch is None else str(epoch + 1),
        "parameters": f"{summary.parameters:,}",
        "commit": summary.commit or "not known",
        "machine": summary.device,
        "versions": ", ".join(f"{name} {version}" for name, version in summary.versions.items()),
    }
    return [(name, value) for name, value in facts.items() if value]


def _plain(value: object) -> str:
    return "none" if value is None else str(value)
