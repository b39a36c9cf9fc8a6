"""The last lines of a command: paths of its results, and what to type next."""

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
    """Return the files that a run folder may hold, by their meanings."""
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
    """Return the results in a run folder, and what to type after a command such as "train".

    Not a table, which would cut long paths: they are there to be copied.
    """
    files = _written(Run(folder)).items()
    lines = {meaning: str(file) for meaning, file in files if file.exists()}
    checkpoint = f"--ckpt_path {shlex.quote(str(folder))}"
    if command in ("train", "test"):
        lines["next"] = f"m3net predict {checkpoint} --data.images FOLDER_OF_PHOTOS"
    elif command not in ("predict", "evaluate"):
        lines["next"] = f"m3net test {checkpoint}"
    width = max(map(len, lines), default=0)
    return Text("\n".join(f"{name:<{width}}  {printable(line)}" for name, line in lines.items()))


def say_stopped(stop: Stopped, argv: Sequence[str]) -> int:
    """Print how to resume a training that a signal stopped.

    Args:
        stop: The signal.
        argv: The command that resumes; empty if there is no run folder yet.

    Returns:
        The exit code.
    """
    text = f"m3net: stopped by {signal.Signals(stop.signum).name}"
    if argv:
        text += f" and can go on: {shlex.join(argv)}"
    with suppress(OSError):  # If nobody reads it, the exit code tells.
        sys.stderr.write(f"\n{printable(text)}\n")
    return stop.code
