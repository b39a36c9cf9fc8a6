"""A reader that is given broken files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


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
    """

    name: str
    share: int
    file: Path
    corpus: Sequence[bytes]
    read: Callable[[Path], object]
    repair: Callable[[bytes], bytes] = bytes


def one_file(name: str, share: int, file: Path, read: Callable[[Path], object]) -> Target:
    """Give a reader whose one whole file is there already."""
    return Target(name, share, file, [file.read_bytes()], read)
