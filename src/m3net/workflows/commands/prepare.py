"""`m3net data prepare`: small copies of large photos."""

import os
from collections import Counter
from pathlib import Path
from typing import Literal

from rich.progress import track

from m3net.base.terminal import Terminal
from m3net.data.photos.preparation import CopySettings, Preparation
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

    Existing copies are kept, so that the command can be stopped and repeated. Exit code 1 says
    that some images could not be read; they are named, and all others are copied.

    Args:
        source: Folder of the images.
        target: Folder of the copies, under the same names: new, empty, or written by this command.
        side: Length in pixels of one side; smaller images are copied as they are.
        resize: Which side is meant, short or long.
        quality: Of JPEG and WebP, from 1 to 100.
        workers: Number of processes; 0 works without any.

    Raises:
        M3NetError: A folder or a number cannot be used.
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
    console = Terminal(soft_wrap=True)
    console.print(f"{len(preparation)} images: {listed}")
    console.print(f"next: m3net train ... --data.root={printable(str(target))}")
    return 1 if counts["unreadable"] else 0
