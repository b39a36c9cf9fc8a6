"""Notes what a process does beyond its bounds, by whichever library.

Python's audit hooks see each program that is started, each file that is opened for writing, removed
or renamed, each module that is imported and each connection.
"""

import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODULE = "hostile_module"
"""Name of a module whose import is noted."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_SILENT = ("/dev/null", "/dev/tty", "/proc/self/")
_CACHES = ("__pycache__", os.path.expanduser("~/.cache"), "/matplotlib", ".hypothesis")
_STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.startfile")
# Programs by which libraries learn about the machine, and m3net about its commit.
_KNOWN = ("git", "uname", "lscpu", "/sbin/ldconfig", "ldconfig", "gcc", "cc", "/usr/bin/gcc")
# Which of what is given names a place that changes.
_CHANGES = {
    **{f"os.{name}": [0] for name in ("remove", "rmdir", "mkdir", "truncate", "chmod")},
    **{f"os.{name}": [1] for name in ("link", "symlink")},
    "os.rename": [0, 1],
    "shutil.rmtree": [0],
    "shutil.move": [0, 1],
    "shutil.copyfile": [1],
}


@dataclass
class _Watch:
    inside: tuple[str, ...]
    notes: list[str]


_CURRENT: list[_Watch] = []
_HOOKED: list[bool] = []


@contextmanager
def watching(inside: Sequence[Path]) -> Iterator[list[str]]:
    """Note what happens outside of some folders.

    Args:
        inside: Where files may be written and removed.

    Yields:
        The notes, which grow.
    """
    if not _HOOKED:
        # It cannot be taken away again.
        sys.addaudithook(_hook)
        _HOOKED.append(True)
    watch = _Watch(tuple(os.path.realpath(folder) for folder in inside), [])
    _CURRENT.append(watch)
    try:
        yield watch.notes
    finally:
        _CURRENT.remove(watch)


def _hook(event: str, given: tuple[Any, ...]) -> None:
    for watch in _CURRENT:
        if said := _said(event, given, watch.inside):
            watch.notes.append(said)


def _said(event: str, given: tuple[Any, ...], inside: tuple[str, ...]) -> str | None:
    """Say what an event has done, if it is out of bounds."""
    harm = False
    if event in _STARTS:
        words = given[0] if event != "subprocess.Popen" else (given[1] or [given[0]])
        first = words[0] if isinstance(words, (list, tuple)) else words
        harm = os.fsdecode(str(first)) not in _KNOWN
    elif event == "open":
        path, mode, flags = given
        writes = bool((flags or 0) & _WRITES) if mode is None else bool(set(mode) & set("wax+"))
        harm = writes and (_is_outside(path, inside) or _leads_outside(path, inside))
    elif event in _CHANGES:
        harm = any(_is_outside(given[place], inside) for place in _CHANGES[event])
    elif event == "import":
        harm = given[0].split(".")[0] == MODULE
    elif event == "socket.getaddrinfo":
        harm = True
    elif event in ("socket.connect", "socket.bind", "socket.sendto"):
        harm = given[0].family in (socket.AF_INET, socket.AF_INET6)
    return f"{event} {given}" if harm else None


def _is_outside(path: object, inside: tuple[str, ...]) -> bool:
    """Tell whether a name lies outside; a link may be removed wherever it leads."""
    if not isinstance(path, (str, bytes)):
        return False
    name = os.fsdecode(path)
    folder, last = os.path.split(name)
    place = os.path.join(os.path.realpath(folder or "."), last)
    silent = name.startswith(_SILENT) or any(cache in place for cache in _CACHES)
    return not silent and not place.startswith(inside)


def _leads_outside(path: object, inside: tuple[str, ...]) -> bool:
    return isinstance(path, str) and _is_outside(os.path.realpath(path), inside)
