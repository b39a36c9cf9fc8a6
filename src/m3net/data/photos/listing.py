"""List the image files on disk, and find the listed ones that are missing."""

import errno
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from m3net.boundary.regular_file import MIB, ExcessError, read_text
from m3net.data.annotations.annotation_file import rows_error
from m3net.data.photos.formats import FORMAT_OF_SUFFIX
from m3net.data.records import Records
from m3net.errors import AnnotationError, ConfigError, DatasetNotFoundError

_NO_FOLDER = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP}
_OTHER_IMAGES = re.compile(
    r"\.(arw|cr2|cr3|dng|exr|hdr|heic|heif|ico|jxl|nef|orf|pfm|psd|raw|svg|tga)"
)
"""Suffixes of images that cannot be decoded."""
_MOST_OF_LIST = 1024 * MIB
_log = logging.getLogger(__name__)


def images_below(folder: Path) -> list[Path]:
    """Return all files with an image suffix in a folder and its subfolders, sorted.

    Linked folders count as subfolders. Warnings count images of formats that cannot be decoded, and
    name folders that cannot be listed.
    """
    images = []
    others: Counter[str] = Counter()
    for below, name in _files_below(folder):
        suffix = os.path.splitext(name)[1].lower()
        if suffix in FORMAT_OF_SUFFIX:
            images.append(Path(below, name))
        elif _OTHER_IMAGES.fullmatch(suffix):
            others[suffix] += 1
    if others:
        listed = ", ".join(f"{number:,} {suffix}" for suffix, number in sorted(others.items()))
        _log.warning("%s: images in formats that cannot be read are left out: %s", folder, listed)
    return sorted(images)


def _files_below(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield folder and name of each file; a link back to a folder above is not followed."""
    above = {str(folder): frozenset([_identity(str(folder))])}
    for below, folders, names in os.walk(str(folder), onerror=_warn, followlinks=True):
        chain = above.pop(below)
        for name in [*folders]:
            path = os.path.join(below, name)
            if (identity := _identity(path)) in chain:
                folders.remove(name)
            else:
                above[path] = chain | {identity}
        for name in names:
            yield below, name


def _identity(path: str) -> tuple[int, int] | None:
    """Identify a folder whatever its name is; None if it is missing."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _warn(error: OSError) -> None:
    if error.errno not in _NO_FOLDER:
        _log.warning("%s: its images are left out: %s", error.filename, error.strerror)


def list_images(source: Path) -> list[str]:
    """Return the paths of photos that no annotation file lists.

    Args:
        source: An image; or a folder, see `images_below`; or a UTF-8 text file with one path per
            line, absolute or relative to the file's folder.

    Raises:
        DatasetNotFoundError: `source` does not exist.
        AnnotationError: A text file is not regular or not UTF-8, or lists no path.
        ConfigError: A folder holds no image, or a name is not UTF-8.
    """
    paths = _paths_of(source)
    if wrong := [path for path in paths if not is_utf8(path)]:
        # Parquet holds no other names.
        problem = f"{len(wrong):,} of {len(paths):,} file names are not UTF-8, such as {wrong[0]}"
        raise ConfigError(f"{problem}: rename them, or leave them out of data.images.")
    return paths


def is_utf8(path: str) -> bool:
    """Return whether a path can be written to a table: Linux lets names be any bytes."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _paths_of(source: Path) -> list[str]:
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
        lines = read_text(source, _MOST_OF_LIST).removeprefix("\ufeff").splitlines()
    except UnicodeDecodeError as error:
        raise AnnotationError.at(source, None, "not UTF-8 text", "Save it as UTF-8") from error
    except (ExcessError, OSError) as error:
        problem = error.strerror if isinstance(error, OSError) else error
        remedy = "Set data.images to a folder or a list of photos"
        raise AnnotationError.at(source, None, f"{problem}", remedy) from error
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
        remedy: What the user should do, without a full stop.
    """
    images = [part[index] for part in missing for index in range(len(part))]
    first = min(images, key=lambda image: (image.file != images[0].file, image.row))
    rows = sorted(image.row for image in images if image.file == first.file)
    elsewhere = len(images) - len(rows)
    more = f", and {elsewhere:,} images of other files are missing" if elsewhere else ""
    problem = f"no image {first.path!r} in {root.absolute()}"
    return rows_error(Path(first.file), rows, problem, remedy, more)


def _file_names(folder: str) -> set[str]:
    """Return the names of a folder's files; an empty set if the folder does not exist.

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
