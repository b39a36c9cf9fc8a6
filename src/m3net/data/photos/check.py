"""Find the images that cannot be read, before a training meets the first of them."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from m3net.data.photos.journal import Journal, stamp_of
from m3net.data.photos.reader import FileReader
from m3net.data.photos.workers import map_in_order
from m3net.data.records import Record, Records
from m3net.errors import ImageReadError


def find_unreadable(
    records: Records,
    reader: FileReader,
    workers: int,
    journal: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[tuple[Record, str]]:
    """Read all images as a training does, and yield those that are missing or unreadable.

    Args:
        records: The images.
        reader: Reads an image.
        workers: Number of worker processes; 0 works in this process.
        journal: File of readable images by path, size and time of change, which are not read again.
        progress: Called after each image with the number of images checked so far.

    Yields:
        The record and a sentence about its problem, in the order of `records`.

    Raises:
        ConfigError: `workers` is negative, or `journal` is another file.
    """
    with _open(journal, reader) as known:
        check = _Check(known.done if known else {}, reader)
        for number, checked in enumerate(map_in_order(check, records, workers), start=1):
            if known and checked.stamp is not None:
                known.add(_key(reader, checked.record), checked.stamp)
            if progress is not None:
                progress(number)
            if checked.problem is not None:
                yield checked.record, checked.problem


@dataclass(frozen=True)
class _Checked:
    """The result for one image; `stamp` is set where it was read without a problem."""

    record: Record
    problem: str | None = None
    stamp: tuple[int, int] | None = None


@dataclass(frozen=True)
class _Check:
    """Reads one image, unless the journal knows it as readable."""

    known: Mapping[str, tuple[int, ...]]
    reader: FileReader

    def __call__(self, record: Record) -> _Checked:
        key = _key(self.reader, record)
        # Taken before the file is read, so that the next check sees a change during the reading.
        stamp = stamp_of(os.path.join(self.reader.root, record.path))
        if stamp is not None and self.known.get(key) == stamp:
            return _Checked(record)
        try:
            self.reader(record)
        except ImageReadError as error:
            return _Checked(record, problem=str(error))
        return _Checked(record, stamp=stamp)


def _key(reader: FileReader, record: Record) -> str:
    """Return the path of a file, with its box if the reader crops."""
    path = os.path.abspath(os.path.join(reader.root, record.path))
    return path if reader.margin is None else f"{path} {record.box}"


def _open(journal: Path | None, reader: FileReader) -> Journal | nullcontext[None]:
    """Open a journal for the reader's formats: other formats need another check."""
    if journal is None:
        return nullcontext()
    kinds = "any format" if reader.formats is None else ", ".join(sorted(reader.formats))
    return Journal(journal, f"readable images: {kinds}")
