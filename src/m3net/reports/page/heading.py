"""What was trained and tested, for the head of a page."""

import shlex
from collections.abc import Mapping
from typing import Any

from m3net.reports.page.run_files import RunFiles
from m3net.reports.page.values import Heading
from m3net.training.task import M3NetTask


def collect_heading(
    run: RunFiles, task: M3NetTask, data: Mapping[str, Any], num_images: int, words: list[str]
) -> Heading:
    """Give the head of a page.

    Args:
        run: The run by its files.
        task: The network that was tested.
        data: Settings of the data: "class_path" and "init_args".
        num_images: Of the test split.
        words: The command that makes the page, word by word.
    """
    kind = str(data["class_path"]).rsplit(".", 1)[-1].removesuffix("DataModule")
    init = data.get("init_args", {})
    own = ", ".join(f"{key} {_word(value)}" for key, value in init.items() if key != "loading")
    loading = init.get("loading", {})
    network = task.retriever.network.config
    facts = [
        ("experiment", run.name),
        ("network", f"{network.title} on {network.backbone}"),
        (
            "ranked by",
            f"{task.retriever.ranking} vectors"
            + (", with mirror images" if task.retriever.mirror else ""),
        ),
        ("data", kind + (f" ({own})" if own else "")),
        ("protocol", task.test_metrics.protocol),
        ("split", "test"),
        ("images", f"{num_images:,}" + _sizes(loading)),
        *_costs(run.summary or {}),
    ]
    commands = [("makes this page", shlex.join(["m3net", *words]))]
    notes = []
    if run.config is None:
        notes.append("The run folder has no config.yaml: the checkpoint was trained elsewhere.")
    else:
        again = shlex.join(["m3net", "train", "--config", str(run.folder / "config.yaml")])
        commands.insert(0, ("trains and tests again", again))
    if run.summary is None:
        notes.append("The run folder has no metrics.json: machine, commit and time are not known.")
    elif str(run.summary.get("commit") or "").endswith("+"):
        notes.append("A + behind the commit: files differed from it.")
    return Heading(f"{run.name}: report of a test", facts, commands, notes, run.text)


def _costs(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Give what metrics.json says of the training."""
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
