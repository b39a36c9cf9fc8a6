"""The last words of a command: where everything lies and what to type next."""

import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rich.text import Text

from m3net.base.signals import Stopped
from m3net.errors import printable

_WRITTEN = {
    "config.yaml": "all settings",
    "metrics.csv": "training curves",
    "metrics.json": "best and last scores",
    "checkpoints/best.ckpt": "best weights",
    "validate/scores.csv": "validation table",
    "validate/classes.csv": "validation scores by class",
    "validate/queries.csv": "validation scores by query",
    "test/scores.csv": "test table",
    "test/classes.csv": "test scores by class",
    "test/queries.csv": "test scores by query",
    "test/gallery.png": "one query per attribute",
    "test/galleries": "best to worst queries",
    "test/attention.png": "where the network looks",
    "test/report.html": "all on one page",
    "rankings": "tables of other rankings",
    "predict": "vectors and probabilities",
}


def render_farewell(folder: Path, command: str) -> Text:
    """Give the lines that say what lies in a run folder and which command comes next.

    Not a table: that would cut long paths, and these are there to be copied.

    Args:
        folder: The run folder.
        command: The command that ends, as "train".
    """
    lines = {
        meaning: str(folder / name)
        for name, meaning in _WRITTEN.items()
        if (folder / name).exists()
    }
    place = shlex.quote(str(folder))
    predict = f"m3net predict --ckpt_path {place} --data.images FOLDER_OF_PHOTOS"
    if command not in ("predict", "evaluate"):
        tested = command in ("train", "test")
        lines["next"] = predict if tested else f"m3net test --ckpt_path {place}"
    width = max(map(len, lines), default=0)
    shown = (f"{meaning:<{width}}  {printable(line)}" for meaning, line in lines.items())
    return Text("\n".join(shown))


def say_stopped(stop: Stopped, words: Sequence[str]) -> int:
    """Say how a training that a signal has stopped goes on.

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
