"""Which images cannot be read, found before a training stumbles over the first of them."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from m3net.data.images import read_image
from m3net.data.journal import Journal, stamp_of
from m3net.data.processes import map_in_order
from m3net.errors import ImageReadError


def find_unreadable(
    paths: Sequence[str],
    workers: int,
    formats: frozenset[str] | None = None,
    journal: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[tuple[str, str]]:
    """Decode all images as a training would and give those that are missing or unreadable.

    Args:
        paths: The files, absolute or relative to the current folder.
        workers: Number of processes; 0 works in this one. The results do not depend on it.
        formats: As of `read_image`.
        journal: File that remembers readable images by path, size and time of change, so that a
            check that was interrupted goes on; an image that changed or was unreadable is read
            again. None remembers nothing.
        progress: Called after each image with the number of images checked so far.

    Yields:
        Path, as given, and one sentence that says what is wrong, in the order of `paths`.

    Raises:
        ConfigError: `workers` is negative, or `journal` is another file.
    """
    with _open(journal, formats) as known:
        check = _Check(known.done if known else {}, formats)
        for number, checked in enumerate(map_in_order(check, paths, workers), start=1):
            if known and checked.stamp is not None:
                known.add(os.path.abspath(checked.path), checked.stamp)
            if progress is not None:
                progress(number)
            if checked.problem is not None:
                yield checked.path, checked.problem


@dataclass(frozen=True)
class _Checked:
    """One image; `stamp` is set where it was read and found good."""

    path: str
    problem: str | None = None
    stamp: tuple[int, int] | None = None


@dataclass(frozen=True)
class _Check:
    """Reads one image, unless it is known to be good."""

    known: Mapping[str, tuple[int, ...]]
    formats: frozenset[str] | None

    def __call__(self, path: str) -> _Checked:
        # Before the file is read: what changes while it is read will be seen by the next check.
        stamp = stamp_of(path)
        if stamp is not None and self.known.get(os.path.abspath(path)) == stamp:
            return _Checked(path)
        try:
            read_image(path, None, self.formats)
        except ImageReadError as error:
            return _Checked(path, problem=str(error))
        return _Checked(path, stamp=stamp)


def _open(journal: Path | None, formats: frozenset[str] | None) -> Journal | nullcontext[None]:
    """Open the journal; an image that is good in one format is not so where another is asked."""
    if journal is None:
        return nullcontext()
    kinds = "any format" if formats is None else ", ".join(sorted(formats))
    return Journal(journal, f"readable images: {kinds}")
