"""The state of a data set on disk, as a table and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from m3net.base.terminal import Terminal
from m3net.errors import printable
from m3net.reports.formatting import number_table

SHOWN = 20
"""Unreadable images that the terminal shows; the JSON holds all."""


@dataclass(frozen=True)
class FileState:
    """An annotation file that the settings name."""

    path: str
    size: int | None
    """Bytes; None for a missing file."""


@dataclass(frozen=True)
class SplitState:
    """Counts of one split; queries and gallery images are summed over attributes."""

    name: str
    images: int
    """Images that the annotation files list."""
    labels: int
    """(image, class) pairs."""
    queries: int
    gallery: int
    without_relevant: int
    """Queries without relevant images."""
    unreadable: int | None
    """Images that are missing or cannot be read; None if they were not checked."""


@dataclass(frozen=True)
class Verification:
    """The state of a data set on disk."""

    dataset: str
    protocol: str
    files: Sequence[FileState]
    image_root: str | None
    """Folder of the images; None if the annotations do not tell."""
    images_found: int
    """Image files below that folder."""
    images_unlisted: int
    """Image files that no split lists."""
    splits: Sequence[SplitState] = ()
    """The splits that could be read."""
    problems: Sequence[str] = ()
    """What to mend, one sentence each."""
    unreadable: Sequence[str] = ()
    """One sentence for each image that is missing or cannot be read."""
    notes: Sequence[str] = ()
    """What is no problem but good to know."""

    @property
    def is_good(self) -> bool:
        """Whether a training could start."""
        return not self.problems and not self.unreadable

    def to_plain(self) -> dict[str, Any]:
        """Return all of it as lists, dicts and strings."""
        return asdict(self) | {"is_good": self.is_good}


def print_verification(state: Verification, console: Terminal, report: Path) -> None:
    """Print files, splits, problems and the verdict; `report` is the JSON file that holds all."""
    if state.files:
        console.print(_file_table(state))
    if state.image_root is not None:
        unlisted = f", {state.images_unlisted:,} of them in no split" * bool(state.images_unlisted)
        console.print(f"{state.image_root}: {state.images_found:,} image files{unlisted}")
    if state.splits:
        console.print(_split_table(state))
    problems = [*state.problems, *state.unreadable[:SHOWN]]
    if len(state.unreadable) > SHOWN:
        problems.append(f"{len(state.unreadable) - SHOWN:,} more images: see {report}")
    for sentence in problems:
        console.print(Text.assemble(("problem", "red"), f" {printable(sentence)}"))
    for sentence in state.notes:
        console.print(f"note {printable(sentence)}")
    number = len(state.problems) + len(state.unreadable)
    verdict = "no problem found" if state.is_good else f"{number:,} problem{'s' * (number != 1)}"
    console.print(f"{state.dataset}: {verdict}; all of it in {report}")


def _file_table(state: Verification) -> Table:
    table = Table(title=f"{state.dataset}: annotation files", title_justify="left")
    table.add_column("expected", overflow="fold")
    table.add_column("found", justify="right")
    for file in state.files:
        missing = Text("missing", style="red")
        table.add_row(file.path, missing if file.size is None else f"{file.size:,} bytes")
    return table


def _split_table(state: Verification) -> Table:
    rows = []
    for split in state.splits:
        bad = "not checked" if split.unreadable is None else f"{split.unreadable:,}"
        counts = (split.labels, split.queries, split.without_relevant, split.gallery)
        rows.append((split.name, f"{split.images:,}", bad, *(f"{count:,}" for count in counts)))
    columns = ["split", "images", "unreadable", "labels", "queries", "no match", "gallery"]
    return number_table(f"{state.dataset}, protocol {state.protocol}", columns, rows)
