"""Ways to spoil a file of a data set; each gives a function that does it below a folder."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

Spoil = Callable[[Path], None]


class Broken(NamedTuple):
    """A way to break a file, and what the sentence must name.

    `row` is None where the whole file is wrong, and -1 for its last line; `remedy` is the first
    word of what to do.
    """

    spoil: Spoil
    file: str
    row: int | None
    remedy: str


UNREADABLE = Path("/proc/self/mem")
"""A file that is there but cannot be read, even by an administrator; on Linux alone."""


def content(name: str, change: Callable[[bytes], bytes]) -> Spoil:
    """Change all bytes of a file."""

    def spoil(root: Path) -> None:
        file = root / name
        file.write_bytes(change(file.read_bytes()))

    return spoil


def lines(name: str, change: Callable[[list[bytes]], list[bytes]]) -> Spoil:
    """Change the list of a file's lines, which keep their ends."""
    return content(name, lambda text: b"".join(change(text.splitlines(keepends=True))))


def edited(name: str, row: int, change: Callable[[str], str]) -> Spoil:
    """Change one line, counted from 1."""

    def edit(old: list[bytes]) -> list[bytes]:
        text = old[row - 1].decode().rstrip("\r\n")
        return [*old[: row - 1], f"{change(text)}\n".encode(), *old[row:]]

    return lines(name, edit)


def replaced(name: str, row: int, line: str) -> Spoil:
    """Put another line in the place of one, counted from 1."""
    return edited(name, row, lambda _: line)


def inserted(name: str, row: int, line: str) -> Spoil:
    """Put a line before one, counted from 1."""
    return lines(name, lambda old: [*old[: row - 1], f"{line}\n".encode(), *old[row - 1 :]])


def appended(name: str, line: str) -> Spoil:
    """Put a line behind the last."""
    return content(name, lambda text: text.rstrip() + f"\n{line}\n".encode())


def repeated(name: str, row: int, source: str | None = None) -> Spoil:
    """Put a line, counted from 1, of the file or of another one behind the last."""

    def spoil(root: Path) -> None:
        line = (root / (source or name)).read_text(encoding="utf-8").splitlines()[row - 1]
        appended(name, line)(root)

    return spoil


def deleted(name: str, row: int) -> Spoil:
    """Take a line away, counted from 1."""
    return lines(name, lambda old: [*old[: row - 1], *old[row:]])


def removed(*names: str) -> Spoil:
    """Take files or folders away."""

    def spoil(root: Path) -> None:
        for name in names:
            place = root / name
            shutil.rmtree(place) if place.is_dir() else place.unlink()

    return spoil


def made_a_folder(name: str) -> Spoil:
    """Put a folder in the place of a file."""

    def spoil(root: Path) -> None:
        (root / name).unlink()
        (root / name).mkdir()

    return spoil


def made_unreadable(name: str) -> Spoil:
    """Put a file in its place that the system lets nobody read from its start."""

    def spoil(root: Path) -> None:
        (root / name).unlink()
        (root / name).symlink_to(UNREADABLE)

    return spoil


def both(first: Spoil, second: Spoil) -> Spoil:
    """Spoil in two ways, one after the other."""

    def spoil(root: Path) -> None:
        first(root)
        second(root)

    return spoil


def cell(place: int, change: Callable[[str], str]) -> Callable[[str], str]:
    """Change one cell of a row of numbers or of a table."""

    def edit(line: str) -> str:
        cells = line.split()
        cells[place] = change(cells[place])
        return " ".join(cells)

    return edit
