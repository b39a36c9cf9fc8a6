"""`m3net data prepare`: small copies of large photos."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from jsonargparse import auto_cli
from rich.progress import track

from m3net.base.terminal import Terminal
from m3net.data.photos.copies import CopySettings
from m3net.data.photos.preparation import Preparation
from m3net.errors import printable


def prepare(
    source: Path,
    target: Path,
    side: int = 256,
    resize: Literal["short", "long"] = "short",
    quality: int = 95,
    workers: int = os.cpu_count() or 1,
) -> int:
    """Make small copies of all images below a folder, for --data.root of a training.

    What is done is not done again, so that the command can be stopped and repeated. Exit code 1
    says that some images could not be read; they are named, and all others are done.

    Args:
        source: Folder of the images.
        target: Folder of the copies, under the same names: new, empty, or written by this command.
        side: Length in pixels of one side; smaller images are copied as they are.
        resize: Which side is meant, short or long.
        quality: Of JPEG and WebP, from 1 to 100.
        workers: Number of processes; 0 works without any.
    """
    preparation = Preparation(source, target, CopySettings(side, resize, quality))
    errors = Terminal(stderr=True, soft_wrap=True)
    counts: Counter[str] = Counter()
    outcomes = preparation.run(workers)
    for outcome in track(outcomes, "prepare", total=len(preparation), console=errors):
        counts[outcome.action] += 1
        if outcome.note is not None:
            errors.print(f"m3net: {printable(outcome.note)}")
    listed = ", ".join(f"{count} {action}" for action, count in sorted(counts.items()))
    said = Terminal(soft_wrap=True)
    said.print(f"{len(preparation)} images: {listed}")
    said.print(f"next: m3net train ... --data.root={printable(str(target))}")
    return 1 if counts["unreadable"] else 0


def run(words: Sequence[str]) -> int:
    """Run the command and give its exit code: 0, or 1 where images could not be read.

    Args:
        words: What stands after `m3net data prepare`.

    Raises:
        M3NetError: Something the user gave cannot be used.
    """
    code: int = auto_cli(prepare, args=list(words), prog="m3net data prepare")
    return code
