"""What was trained and tested, for the head of a page."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from m3net.experiments.run import Run
from m3net.models.retriever import Retriever
from m3net.reports.evaluation import Evaluation
from m3net.reports.page.run_files import RunFiles


@dataclass(frozen=True)
class Heading:
    """What was trained and tested."""

    title: str
    facts: Sequence[tuple[str, str]]
    """Names and values."""
    commands: Sequence[tuple[str, str]]
    """What each command does, and the line to type."""
    notes: Sequence[str] = ()
    settings: str = ""
    """The run's config.yaml; empty where there is none."""


def collect_heading(
    run: RunFiles, evaluation: Evaluation, data: Mapping[str, Any], argv: Sequence[str]
) -> Heading:
    """Return the head of a page.

    Args:
        run: The run by its files.
        evaluation: Of the test.
        data: Settings of the data: "class_path" and "init_args".
        argv: The command that makes the page.
    """
    kind = str(data["class_path"]).rsplit(".", 1)[-1].removesuffix("DataModule")
    init = data.get("init_args", {})
    own = ", ".join(f"{key} {_word(value)}" for key, value in init.items() if key != "loading")
    loading = init.get("loading", {})
    facts = [
        ("experiment", run.name),
        *_network(evaluation.retriever),
        ("data", kind + (f" ({own})" if own else "")),
        ("protocol", evaluation.protocol),
        ("split", "test"),
        ("images", f"{len(evaluation.dataset):,}" + _sizes(loading)),
        *_costs(run.summary or {}),
    ]
    commands = [("makes this page", shlex.join(["m3net", *argv]))]
    notes = []
    if run.config is None:
        notes.append("The run folder has no config.yaml: the checkpoint was trained elsewhere.")
    else:
        again = shlex.join(["m3net", "train", "--config", str(Run(run.folder).config)])
        commands.insert(0, ("trains and tests again", again))
    if run.summary is None:
        notes.append("The run folder has no metrics.json: machine, commit and time are not known.")
    elif str(run.summary.get("commit") or "").endswith("+"):
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


def _costs(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what metrics.json says of the training."""
    if not summary:
        return []
    best = summary.get("best") or {}
    versions = summary.get("versions") or {}
    facts = {
        "training": f"{summary['steps']:,} steps, {summary['images']:,} images, "
        f"{summary['seconds'] / 60:.1f} minutes",
        "best epoch": str(best["epoch"] + 1) if "epoch" in best else "",
        "parameters": f"{summary['parameters']:,}",
        "commit": str(summary.get("commit") or "not known"),
        "machine": str(summary.get("device", "")),
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    return [(name, value) for name, value in facts.items() if value]


def _sizes(loading: Mapping[str, Any]) -> str:
    size = loading.get("image_size")
    return f", seen at {size} by {size} pixels" if size else ""


def _word(value: object) -> str:
    return "none" if value is None else str(value)
