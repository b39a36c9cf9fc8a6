"""The state of a data set on disk, as a table and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from m3net.base.terminal import Terminal
from m3net.errors import printable

SHOWN = 20
"""Problems of images that the terminal shows; the JSON holds all."""


@dataclass(frozen=True)
class FileState:
    """One annotation file.

    Attributes:
        path: Where it is expected.
        size: Bytes; None where there is no such file.
    """

    path: str
    size: int | None


@dataclass(frozen=True)
class SplitState:
    """One split.

    Attributes:
        name: "train", "val" or "test".
        images: Images that the annotation files list.
        labels: (image, class) pairs.
        queries: What asks, over all attributes.
        gallery: Images that can be found, summed over attributes.
        without_relevant: Queries that have nothing to find.
        unreadable: Images that are missing or cannot be read; None where images were not looked at.
    """

    name: str
    images: int
    labels: int
    queries: int
    gallery: int
    without_relevant: int
    unreadable: int | None


@dataclass(frozen=True)
class Verification:
    """All that a check found.

    Attributes:
        dataset: Name of the data set.
        protocol: What a query is.
        files: Annotation files that its settings ask for.
        image_root: Folder of the images; None where annotations are wrong from the start.
        images_found: Image files below that folder.
        images_unlisted: Those of them that no split lists.
        splits: The three splits, as far as they could be read.
        problems: What must be mended, one sentence each.
        unreadable: One sentence for each image that is missing or cannot be read.
        notes: What is right but should be known.
    """

    dataset: str
    protocol: str
    files: Sequence[FileState]
    image_root: str | None
    images_found: int
    images_unlisted: int
    splits: Sequence[SplitState] = ()
    problems: Sequence[str] = ()
    unreadable: Sequence[str] = ()
    notes: Sequence[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether a training could start."""
        return not self.problems and not self.unreadable

    def to_plain(self) -> dict[str, Any]:
        """Give all of it as lists, dicts and strings."""
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
    table = Table(title=title, title_justify="left")
    table.add_column("split")
    for name in ("images", "unreadable", "labels", "queries", "no match", "gallery"):
        table.add_column(name, justify="right")
    for split in state.splits:
        bad = "not checked" if split.unreadable is None else f"{split.unreadable:,}"
        numbers = (split.labels, split.queries, split.without_relevant, split.gallery)
        table.add_row(split.name, f"{split.images:,}", bad, *(f"{number:,}" for number in numbers))
    return table
