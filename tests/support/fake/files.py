"""What the writers share: photos, and text as other systems left it."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

SUFFIXES = {"train": "train", "val": "valid", "test": "test"}


def write_photos(root: Path, paths: Sequence[str], rng: np.random.Generator) -> None:
    """Write a small JPEG of coloured noise for each path."""
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        size = (int(rng.integers(40, 60)), int(rng.integers(30, 60)), 3)
        pixels = rng.integers(0, 256, 3) * 0.7 + rng.integers(0, 70, size)
        assert cv2.imwrite(str(file), pixels.astype(np.uint8))


def write_lines(file: Path, lines: Sequence[str], end: str = "\n", last: str | None = None) -> None:
    """Write lines with an end of their own, and perhaps another one behind the last."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes((end.join(lines) + (end if last is None else last)).encode())


def write_roles(
    folder: Path, split: str, triples: Sequence[tuple[int, int, int]], end: str
) -> set[int]:
    """Write the query and candidate files: of the triples of an attribute, every third asks.

    Returns:
        The indices that ask.
    """
    asked: set[int] = set()
    seen: dict[int, int] = {}
    for index, attribute, _ in triples:
        place = seen.setdefault(attribute, 0)
        seen[attribute] += 1
        if place % 3 == 0:
            asked.add(index)
    for kind in ("query", "candidate"):
        lines = [
            f"{index} {attribute} {value}"
            for index, attribute, value in triples
            if (index in asked) == (kind == "query")
        ]
        write_lines(folder / f"{kind}_{SUFFIXES[split]}.txt", lines, end)
    return asked
