"""Make small copies of all photos below a folder: decoding large ones slows down every epoch.

A copy has the format that its suffix names: JPEG and WebP with losses; PNG, BMP and TIFF without.
Where the suffix names any other format, what shrinks or turns becomes a PNG: readers of photos look
at the bytes. Pixels are upright, without an EXIF orientation.
"""

import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from m3net.boundary.links import check_no_link, write_new
from m3net.boundary.regular_file import ExcessError, read_bytes
from m3net.data.photos.formats import FORMAT_OF_SUFFIX, format_of
from m3net.data.photos.journal import Journal, stamp_of
from m3net.data.photos.listing import images_below
from m3net.data.photos.reader import decode_image, read_content
from m3net.data.photos.workers import map_in_order
from m3net.errors import ConfigError, DatasetNotFoundError, ImageReadError

_SETTINGS = "prepared.json"
_JOURNAL = "prepared.journal"
_TEMPORARY = ".m3net-temporary"
_ORIENTATION = 0x0112
_QUALITY = {"jpeg": cv2.IMWRITE_JPEG_QUALITY, "webp": cv2.IMWRITE_WEBP_QUALITY}
_ENCODED = frozenset(_QUALITY) | {"png", "bmp", "tiff"}

CopyAction = Literal["resized", "encoded", "copied"]
Action = CopyAction | Literal["kept", "unreadable"]


@dataclass(frozen=True)
class CopySettings:
    """Size and quality of copies."""

    side: int = 256
    """Length in pixels of the side that `resize` names; smaller images keep their size."""
    resize: Literal["short", "long"] = "short"
    """Which side is resized."""
    quality: int = 95
    """Quality of JPEG and WebP, 1 to 100."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ConfigError: One is out of range.
        """
        if self.side < 1 or not 1 <= self.quality <= 100:
            raise ConfigError("side must be 1 or more and quality from 1 to 100.")


@dataclass(frozen=True)
class Outcome:
    """The result for one image."""

    action: Action
    """The action of `small_copy`; "kept" from an earlier run; or "unreadable"."""
    note: str | None = None
    """A sentence for the user."""
    stamp: tuple[int, ...] | None = None
    """Size (bytes) and time of change (ns) of the source, and size of the copy; None without a new
    copy."""


def is_prepared(root: Path) -> bool:
    """Return whether a folder, or one above it, holds small copies: pixel boxes do not fit them."""
    resolved = root.resolve()
    return any((folder / _SETTINGS).is_file() for folder in (resolved, *resolved.parents))


class Preparation:
    """Copies of all images below a folder; work that was killed resumes."""

    def __init__(self, source: Path, target: Path, settings: CopySettings) -> None:
        """List the images and open the folder of the copies.

        Args:
            source: Folder of the images.
            target: A new or empty folder, or one that an earlier run wrote.
            settings: Size and quality. Copies of other settings are replaced.

        Raises:
            DatasetNotFoundError: `source` does not exist.
            ConfigError: `source` holds no image, one folder is inside the other, or `target` holds
                other files or cannot be written.
        """
        if not source.is_dir():
            raise DatasetNotFoundError.at("folder of images", source, "SOURCE")
        inner, outer = source.resolve(), target.resolve()
        if outer.is_relative_to(inner):
            raise _not_apart(source, target)
        paths = images_below(source)
        # Also where a link leads from one folder into the other.
        if any(
            folder.resolve().is_relative_to(outer) for folder in {path.parent for path in paths}
        ):
            raise _not_apart(source, target)
        if not paths:
            raise ConfigError(f"{source} holds no image. Choose another SOURCE.")
        self.source, self.target, self.settings = source, target, settings
        self.paths = [str(path.relative_to(source)) for path in paths]
        try:
            _open_target(target, json.dumps(asdict(settings), indent=2) + "\n")
        except OSError as error:
            raise _cannot_write(target, error) from error

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.paths)

    def run(self, workers: int) -> Iterator[Outcome]:
        """Make the copies; yield one outcome for each path, in order.

        Args:
            workers: Number of worker processes; 0 works in this process.

        Raises:
            ConfigError: A copy cannot be written.
        """
        with Journal(self.target / _JOURNAL, "m3net data prepare") as journal:
            copy = _Copy(self.source, self.target, self.settings, journal.done)
            outcomes = map_in_order(copy, self.paths, workers)
            for path, outcome in zip(self.paths, outcomes, strict=True):
                if outcome.stamp is not None:
                    journal.add(path, outcome.stamp)
                yield outcome


@dataclass(frozen=True)
class _Copy:
    """Copy one image, unless its copy is up to date."""

    source: Path
    target: Path
    settings: CopySettings
    done: Mapping[str, tuple[int, ...]]

    def __call__(self, path: str) -> Outcome:
        source, target = self.source / path, self.target / path
        try:
            check_no_link(self.target, path)
        except ExcessError as error:
            raise ConfigError(f"cannot write {target}: {error}. Remove it.") from error
        # Taken before the file is read, so that the next run sees a change during the reading.
        stamp = stamp_of(source)
        if stamp is not None and self.done.get(path) == (*stamp, *(stamp_of(target) or ())[:1]):
            return Outcome("kept")
        try:
            content = read_content(source, None)
            pixels = decode_image(content, source, None)
        except ImageReadError as error:
            # A copy of an earlier version must not pass for a copy of this one.
            target.unlink(missing_ok=True)
            return Outcome("unreadable", str(error))
        action, copy = small_copy(content, pixels, target.suffix, self.settings)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _replace(target, copy)
        except OSError as error:
            raise _cannot_write(target, error) from error
        actual, made = format_of(content), format_of(copy)
        named = actual or "an unknown format"
        note = f"{source} holds {named}; its copy is {made}" if actual != made else None
        return Outcome(action, note, (*stamp, len(copy)) if stamp else None)


def small_copy(
    content: bytes, pixels: NDArray[np.uint8], suffix: str, settings: CopySettings
) -> tuple[CopyAction, bytes]:
    """Shrink one photo; encode it only if it shrinks, turns or changes its format.

    Args:
        content: The file.
        pixels: (H, W, 3) uint8 RGB, upright, decoded from the file.
        suffix: Suffix of the copy, ".jpg".
        settings: Size and quality.

    Returns:
        The bytes of the copy, after "resized"; "encoded", if a small file has another format or an
        EXIF orientation; or "copied".
    """
    named = FORMAT_OF_SUFFIX[suffix.lower()]
    form = named if named in _ENCODED else "png"
    height, width = pixels.shape[:2]
    side = min(height, width) if settings.resize == "short" else max(height, width)
    if side > settings.side:
        scale = settings.side / side
        size = (max(round(width * scale), 1), max(round(height * scale), 1))
        shrunk = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        return "resized", _encode(np.asarray(shrunk, dtype=np.uint8), form, settings.quality)
    if (form == named and format_of(content) != form) or _is_turned(content):
        return "encoded", _encode(pixels, form, settings.quality)
    return "copied", content


def _is_turned(content: bytes) -> bool:
    """Return whether EXIF turns or mirrors the image, or cannot be read."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return bool(image.getexif().get(_ORIENTATION, 1) != 1)
    except (OSError, SyntaxError, ValueError):
        return True


def _encode(pixels: NDArray[np.uint8], form: str, quality: int) -> bytes:
    options = [_QUALITY[form], quality] if form in _QUALITY else []
    _, encoded = cv2.imencode(f".{form}", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    return encoded.tobytes()


def _open_target(target: Path, settings: str) -> None:
    """Create the folder, or drop the journal of other settings."""
    target.mkdir(parents=True, exist_ok=True)
    for folder, _, names in os.walk(target):
        for name in names:
            if name.endswith(_TEMPORARY):
                os.unlink(os.path.join(folder, name))
    file = target / _SETTINGS
    if not file.exists() and any(target.iterdir()):
        raise ConfigError(
            f"{target.absolute()} holds files that 'm3net data prepare' did not write. Choose a "
            "new or empty TARGET."
        )
    if not _holds(file, settings.encode()):
        # In this order: after a kill in between, the old settings have no journal.
        (target / _JOURNAL).unlink(missing_ok=True)
        _replace(file, settings.encode())


def _holds(file: Path, content: bytes) -> bool:
    """Return whether a file exists and holds exactly these bytes."""
    try:
        return read_bytes(file, len(content)) == content
    except (FileNotFoundError, ExcessError):
        return False


def _replace(file: Path, content: bytes) -> None:
    """Write a file atomically: readers see the old or the whole new one."""
    temporary = file.with_name(f".{os.getpid()}{_TEMPORARY}")
    write_new(temporary, content)
    temporary.replace(file)


def _not_apart(source: Path, target: Path) -> ConfigError:
    return ConfigError(f"{target} and {source} are not apart. Choose another TARGET.")


def _cannot_write(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"cannot write {path}: {error.strerror}. Make room or choose another TARGET, and run the "
        "command again: finished copies stay."
    )
