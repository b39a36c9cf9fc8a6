"""Are the images there that the annotation files list? Asked before the first is read."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m3net.data.annotations.annotation_file import rows_error
from m3net.data.records import Records
from m3net.errors import AnnotationError, DatasetNotFoundError

_NO_FOLDER = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}


def missing_images(root: Path, records: Records) -> NDArray[np.int64]:
    """Give the places of the images that are not there.

    Each folder is listed once: on a network disk, asking for 200,000 files one by one takes
    minutes.

    Args:
        root: Folder that the paths of the records start from.
        records: The images.

    Raises:
        DatasetNotFoundError: There is no such folder, or one inside cannot be listed.
    """
    if not root.is_dir():
        raise DatasetNotFoundError.at("image root", root, "data.root")
    listed: dict[str, set[str]] = {}
    missing = []
    for place, path in enumerate(records.paths.tolist()):
        folder, name = os.path.split(path)
        if folder not in listed:
            listed[folder] = _files(os.path.join(root, folder))
        if name not in listed[folder]:
            missing.append(place)
    return np.asarray(missing, dtype=np.int64)


def missing_error(root: Path, missing: Sequence[Records], remedy: str) -> AnnotationError:
    """Make one error for all images that are not there.

    Args:
        root: Folder that the paths of the records start from.
        missing: The images that are not there, at least one, in any number of parts.
        remedy: What to do about it, without a full stop.
    """
    images = [part[place] for part in missing for place in range(len(part))]
    first = min(images, key=lambda image: (image.file != images[0].file, image.row))
    rows = sorted(image.row for image in images if image.file == first.file)
    elsewhere = len(images) - len(rows)
    more = f", and {elsewhere:,} images of other files are not there" if elsewhere else ""
    problem = f"no image {first.path!r} in {root.absolute()}"
    return rows_error(Path(first.file), rows, problem, remedy, more)


def _files(folder: str) -> set[str]:
    """Give the names of a folder's files, none where there is no folder.

    Raises:
        DatasetNotFoundError: There is one that cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if _is_file(entry)}
    except OSError as error:
        if error.errno in _NO_FOLDER:
            return set()
        what = f"image folder that can be listed ({error.strerror})"
        raise DatasetNotFoundError.at(what, folder, "data.root") from error


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False  # a link that leads in a circle
