"""Photos that are on disk twice, under different names."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from pathlib import Path

from m3net.boundary.regular_file import check_regular, open_at_once, read_bytes
from m3net.data.photos.reader import MAX_BYTES

_TAIL = 4096


def find_duplicates(root: Path, paths: Iterable[str]) -> list[list[str]]:
    """Return groups of paths whose files hold the same bytes; files that cannot be read count not.

    Args:
        root: Folder that the paths start from.
        paths: The files; only those that share size and last bytes with another are read whole.
    """
    groups = [sorted(set(paths))]
    for key in (check_regular, _tail, _digest):
        groups = [same for group in groups for same in _divided(root, group, key)]
    return groups


def _divided(root: Path, paths: list[str], key: Callable[[Path], Hashable]) -> Iterable[list[str]]:
    """Divide a group by a key; files without a second of their key are left out."""
    by_key = defaultdict(list)
    for path in paths:
        with suppress(OSError, ValueError):
            by_key[key(root / path)].append(path)
    return [same for same in by_key.values() if len(same) > 1]


def _tail(file: Path) -> bytes:
    with open(file, "rb", opener=open_at_once) as stream:
        stream.seek(max(os.fstat(stream.fileno()).st_size - _TAIL, 0))
        return stream.read(_TAIL)


def _digest(file: Path) -> bytes:
    return hashlib.sha256(read_bytes(file, MAX_BYTES)).digest()
