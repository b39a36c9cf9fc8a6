"""Which image files are on disk, and which listed ones are missing."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m3net.data.annotations.annotation_file import rows_error
from m3net.data.photos.formats import FORMAT_OF_SUFFIX
from m3net.data.records import Records
from m3net.errors import AnnotationError, ConfigError, DatasetNotFoundError

_NO_FOLDER = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}


def images_below(folder: Path) -> list[Path]:
    """Return all files with an image suffix in a folder and its subfolders, sorted."""
    return sorted(
        Path(below, name)
        for below, _, names in os.walk(folder)
        for name in names
        if os.path.splitext(name)[1].lower() in FORMAT_OF_SUFFIX
    )


def list_images(source: Path) -> list[str]:
    """Return the paths of photos that no annotation file lists.

    Args:
        source: An image; or a folder, whose images are sorted; or a UTF-8 text file with one path
            per line, absolute or relative to the file's folder.

    Raises:
        DatasetNotFoundError: `source` does not exist.
        AnnotationError: A text file is not UTF-8 or lists no path.
        ConfigError: A folder holds no image.
    """
    if not source.exists():
        raise DatasetNotFoundError.at("images", source, "data.images")
    if source.is_dir():
        files = images_below(source)
        if not files:
            known = ", ".join(sorted(FORMAT_OF_SUFFIX))
            raise ConfigError(f"{source} holds no image ({known}). Set data.images to another.")
        return [str(file) for file in files]
    if source.suffix.lower() in FORMAT_OF_SUFFIX:
        return [str(source)]
    try:
        lines = source.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise AnnotationError.at(source, None, "not UTF-8 text", "Save it as UTF-8") from error
    paths = [str(source.parent / line.strip()) for line in lines if line.strip()]
    if not paths:
        raise AnnotationError.at(source, None, "it lists no path", "Write one path on each line")
    return paths


def missing_images(root: Path, records: Records) -> NDArray[np.int64]:
    """Return the indices of records without an image file, as (n,) int64.

    Each folder is listed once: on a network disk, asking for 200,000 files one by one takes
    minutes.

    Args:
        root: Folder that the paths of the records start from.
        records: The images.

    Raises:
        DatasetNotFoundError: `root` does not exist, or a folder inside cannot be listed.
    """
    if not root.is_dir():
        raise DatasetNotFoundError.at("image root", root, "data.root")
    listed: dict[str, set[str]] = {}
    missing = []
    for index, path in enumerate(records.paths.tolist()):
        folder, name = os.path.split(path)
        if folder not in listed:
            listed[folder] = _file_names(os.path.join(root, folder))
        if name not in listed[folder]:
            missing.append(index)
    return np.asarray(missing, dtype=np.int64)


def missing_error(root: Path, missing: Sequence[Records], remedy: str) -> AnnotationError:
    """Build one error for all missing images.

    Args:
        root: Folder that the paths of the records start from.
        missing: Records of the missing images, in any number of parts; at least one image.
        remedy: What to do about it, without a full stop.
    """
    images = [part[index] for part in missing for index in range(len(part))]
    first = min(images, key=lambda image: (image.file != images[0].file, image.row))
    rows = sorted(image.row for image in images if image.file == first.file)
    elsewhere = len(images) - len(rows)
    more = f", and {elsewhere:,} images of other files are not there" if elsewhere else ""
    problem = f"no image {first.path!r} in {root.absolute()}"
    return rows_error(Path(first.file), rows, problem, remedy, more)


def _file_names(folder: str) -> set[str]:
    """Return the names of a folder's files; none if the folder does not exist.

    Raises:
        DatasetNotFoundError: The folder exists but cannot be listed.
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
        return False  # a circular link
