"""The state of a data set on disk, as a table and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from m3net.base.terminal import Terminal
from m3net.errors import printable
from m3net.reports.formatting import number_table

SHOWN = 20
"""Problems of images that the terminal shows; the JSON holds all."""


@dataclass(frozen=True)
class FileState:
    """One annotation file."""

    path: str
    """Where it is expected."""
    size: int | None
    """Bytes; None where there is no such file."""


@dataclass(frozen=True)
class SplitState:
    """One split."""

    name: str
    """"train", "val" or "test"."""
    images: int
    """Images that the annotation files list."""
    labels: int
    """(image, class) pairs."""
    queries: int
    """What asks, over all attributes."""
    gallery: int
    """Images that can be found, summed over attributes."""
    without_relevant: int
    """Queries that have nothing to find."""
    unreadable: int | None
    """Images that are missing or cannot be read; None where images were not looked at."""


@dataclass(frozen=True)
class Verification:
    """All that a check found."""

    dataset: str
    """Name of the data set."""
    protocol: str
    """What a query is."""
    files: Sequence[FileState]
    """Annotation files that its settings ask for."""
    image_root: str | None
    """Folder of the images; None where annotations are wrong from the start."""
    images_found: int
    """Image files below that folder."""
    images_unlisted: int
    """Those of them that no split lists."""
    splits: Sequence[SplitState] = ()
    """The three splits, as far as they could be read."""
    problems: Sequence[str] = ()
    """What must be mended, one sentence each."""
    unreadable: Sequence[str] = ()
    """One sentence for each image that is missing or cannot be read."""
    notes: Sequence[str] = field(default_factory=list)
    """What is right but should be known."""

    @property
    def is_good(self) -> bool:
        """Whether a training could start."""
        return not self.problems and not self.unreadable

    def to_plain(self) -> dict[str, Any]:
        """Return all of it as lists, dicts and strings."""
        return asdict(self) | {"is_good": self.is_good}


def print_verification(state: Verification, console: Terminal, report: Path) -> None:
    """Print files, splits, problems and the verdict.

    Args:
        state: What was found.
        console: Where to.
        report: The JSON file that holds all of it.
    """
    if state.files:
        console.print(_file_table(state))
    if state.image_root is not None:
        unlisted = f", {state.images_unlisted:,} of them in no split" * bool(state.images_unlisted)
        console.print(f"{state.image_root}: {state.images_found:,} image files{unlisted}")
    if state.splits:
        console.print(_split_table(state))
    shown = [*state.problems, *state.unreadable[:SHOWN]]
    for sentence in shown:
        console.print(_problem(sentence))
    if len(state.unreadable) > SHOWN:
        more = len(state.unreadable) - SHOWN
        console.print(_problem(f"{more:,} more images: see {report}"))
    for sentence in state.notes:
        console.print(f"note {printable(sentence)}")
    number = len(state.problems) + len(state.unreadable)
    verdict = "no problem found" if state.is_good else f"{number:,} problem{'s' * (number != 1)}"
    console.print(f"{state.dataset}: {verdict}; all of it in {report}")


def _problem(sentence: str) -> Text:
    return Text.assemble(("problem", "red"), f" {printable(sentence)}")


def _file_table(state: Verification) -> Table:
    table = Table(title=f"{state.dataset}: annotation files", title_justify="left")
    table.add_column("expected", overflow="fold")
    table.add_column("found", justify="right")
    for file in state.files:
        missing = Text("missing", style="red")
        table.add_row(file.path, missing if file.size is None else f"{file.size:,} bytes")
    return table


def _split_table(state: Verification) -> Table:
    title = f"{state.dataset}, protocol {state.protocol}"
    numbers = ("images", "unreadable", "labels", "queries", "no match", "gallery")
    table = number_table(title, ("split", *numbers))
    for split in state.splits:
        bad = "not checked" if split.unreadable is None else f"{split.unreadable:,}"
        counts = (split.labels, split.queries, split.without_relevant, split.gallery)
        table.add_row(split.name, f"{split.images:,}", bad, *(f"{count:,}" for count in counts))
    return table
