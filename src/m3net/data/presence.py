"""Are the images there that the annotation files list? Asked before the first is read."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m3net.data.records import Records
from m3net.errors import AnnotationError, DatasetNotFoundError


def missing_images(root: Path, records: Records) -> NDArray[np.int64]:
    """Give the places of the images that are not there.

    Each folder is listed once: on a network disk, asking for 200,000 files one by one takes
    minutes.

    Args:
        root: Folder that the paths of the records start from.
        records: The images.

    Raises:
        DatasetNotFoundError: There is no such folder.
    """
    if not root.is_dir():
        raise DatasetNotFoundError.at("image root", root, "--data.root")
    listed: dict[str, set[str]] = {}
    missing = []
    for place, path in enumerate(records.paths.tolist()):
        folder, name = os.path.split(path)
        if folder not in listed:
            listed[folder] = _files(os.path.join(root, folder))
        if name not in listed[folder]:
            missing.append(place)
    return np.asarray(missing, dtype=np.int64)


def missing_error(root: Path, records: Records, missing: NDArray[np.int64]) -> AnnotationError:
    """Make one error for all images that are not there.

    Args:
        root: Folder that the paths of the records start from.
        records: All images.
        missing: Places of those that are not there, at least one.
    """
    first = records[int(missing[0])]
    rows = records.rows[missing].tolist()
    listed = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
    several = f" ({len(rows)} rows: {listed})" if len(rows) > 1 else ""
    problem = f"no image {first.path!r} in {root.absolute()}{several}"
    remedy = "Put the images there, delete their rows, or set --data.root"
    return AnnotationError.at(first.file, first.row, problem, remedy)


def _files(folder: str) -> set[str]:
    """Give the names of a folder's files, none where there is no folder."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file()}
    except (FileNotFoundError, NotADirectoryError):
        return set()
