"""A reader that is given broken files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        name: What it reads.
        share: How many files it is given, against those of the others.
        file: What is broken; other files beside it are whole.
        corpus: Whole contents of the file.
        read: Reads it.
        repair: Makes sums right that would have a reader stop before it has read much.
        drawn: Whole hostile files, in place of honest ones that are broken.
        inside: Where the reader may write; by default the folder of the file.
    """

    name: str
    share: int
    file: Path
    corpus: Sequence[bytes]
    read: Callable[[Path], object]
    repair: Callable[[bytes], bytes] = bytes
    drawn: SearchStrategy[bytes] | None = None
    inside: Path | None = None


def one_file(name: str, share: int, file: Path, read: Callable[[Path], object]) -> Target:
    """Give a reader whose one whole file is there already."""
    return Target(name, share, file, [file.read_bytes()], read)
