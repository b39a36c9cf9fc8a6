"""The last lines of a command: where everything lies and what to type next."""

import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rich.text import Text

from m3net.base.signals import Stopped
from m3net.errors import printable
from m3net.experiments.run import Run


def _written(run: Run) -> dict[str, Path]:
    """Return what a run folder may hold, by what it is."""
    validated, tested = run.evaluation("validate"), run.evaluation("test")
    return {
        "all settings": run.config,
        "training curves": run.curves,
        "best and last scores": run.summary,
        "best weights": run.checkpoint("best"),
        "validation table": validated.scores,
        "validation scores by class": validated.classes,
        "validation scores by query": validated.queries,
        "test table": tested.scores,
        "test scores by class": tested.classes,
        "test scores by query": tested.queries,
        "one query per attribute": tested.gallery,
        "best to worst queries": tested.galleries,
        "where the network looks": tested.attention,
        "all on one page": tested.page,
        "tables of other rankings": run.rankings,
        "vectors and probabilities": run.predictions,
    }


def render_farewell(folder: Path, command: str) -> Text:
    """Return what lies in a run folder, and the command to type next.

    Not a table: that would cut long paths, and these are there to be copied.

    Args:
        folder: The run folder.
        command: The command that ends, as "train".
    """
    files = _written(Run(folder)).items()
    lines = {meaning: str(file) for meaning, file in files if file.exists()}
    place = shlex.quote(str(folder))
    predict = f"m3net predict --ckpt_path {place} --data.images FOLDER_OF_PHOTOS"
    if command not in ("predict", "evaluate"):
        tested = command in ("train", "test")
        lines["next"] = predict if tested else f"m3net test --ckpt_path {place}"
    width = max(map(len, lines), default=0)
    shown = (f"{meaning:<{width}}  {printable(line)}" for meaning, line in lines.items())
    return Text("\n".join(shown))


def say_stopped(stop: Stopped, words: Sequence[str]) -> int:
    """Print how to resume a training that a signal has stopped.

    Args:
        stop: What stopped it.
        words: The command that goes on; none where there is no run folder yet.

    Returns:
        The exit code.
    """
    name = signal.Signals(stop.signum).name
    text = f"m3net: stopped by {name}"
    if words:
        text += f" and can go on: {shlex.join(words)}"
    with suppress(OSError):  # its reader is gone, and the exit code says it too
        sys.stderr.write(f"\n{printable(text)}\n")
    return stop.code
