"""Small copies of all photos below a folder, so that large ones do not slow down every epoch."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from m3net.boundary.links import check_no_link, write_new
from m3net.boundary.regular_file import ExcessError, read_bytes
from m3net.data.photos.content import FORMAT_OF_SUFFIX, format_of
from m3net.data.photos.copies import CopyAction, CopySettings, small_copy
from m3net.data.photos.journal import Journal, stamp_of
from m3net.data.photos.processes import map_in_order
from m3net.data.photos.reader import decode_image, images_below, read_content
from m3net.errors import ConfigError, DatasetNotFoundError, ImageReadError

_SETTINGS = "prepared.json"
_JOURNAL = "prepared.journal"
_TEMPORARY = ".m3net-temporary"

Action = CopyAction | Literal["kept", "unreadable"]


@dataclass(frozen=True)
class Outcome:
    """What became of one image.

    Attributes:
        action: What `small_copy` did; or kept from an earlier run; or unreadable.
        note: What the user should know of it, if anything.
        stamp: Size and time of change (ns) of the source, and size of the copy, in bytes; None
            where no copy was made.
    """

    action: Action
    note: str | None = None
    stamp: tuple[int, ...] | None = None


def is_prepared(root: Path) -> bool:
    """Tell whether images in a folder are small copies, to which boxes in pixels do not apply.

    Args:
        root: The folder, or one below that where the copies start.
    """
    place = root.resolve()
    return any((folder / _SETTINGS).is_file() for folder in (place, *place.parents))


class Preparation:
    """The copies of all images below a folder; each is made once, also if the work is killed."""

    def __init__(self, source: Path, target: Path, settings: CopySettings) -> None:
        """Look for the images and open the folder of the copies.

        Args:
            source: Folder of the images.
            target: A new or empty folder, or one that an earlier run wrote.
            settings: How large copies are. Copies that were made with others are made again.

        Raises:
            DatasetNotFoundError: There is no such source.
            ConfigError: The source holds no image, one folder is inside of the other, or the target
                holds other things or cannot be written.
        """
        if not source.is_dir():
            raise DatasetNotFoundError.at("folder of images", source, "SOURCE")
        inner, outer = source.resolve(), target.resolve()
        if inner.is_relative_to(outer) or outer.is_relative_to(inner):
            raise ConfigError(f"{target} and {source} are not apart. Choose another TARGET.")
        paths = images_below(source)
        if not paths:
            raise ConfigError(f"{source} holds no image. Choose another SOURCE.")
        self.source, self.target, self.settings = source, target, settings
        self.paths = [str(path.relative_to(source)) for path in paths]
        try:
            _open_target(target, json.dumps(asdict(settings), indent=2) + "\n")
        except OSError as error:
            raise _cannot_write(target, error) from error

    def __len__(self) -> int:
        """Give the number of images."""
        return len(self.paths)

    def run(self, workers: int) -> Iterator[Outcome]:
        """Make the copies and give one outcome for each path, in order.

        Args:
            workers: Number of processes; 0 works in this one.

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
    """Makes the copy of one image, unless it is there."""

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
        # Before the file is read: what changes while it is read will be seen by the next run.
        stamp = stamp_of(source)
        if stamp is not None and self.done.get(path) == (*stamp, _size(target)):
            return Outcome("kept")
        try:
            content = read_content(source, None)
            pixels = decode_image(content, source, None)
        except ImageReadError as error:
            # A copy of what the file was before would pass for one of what it is.
            target.unlink(missing_ok=True)
            return Outcome("unreadable", str(error))
        action, copy = small_copy(content, pixels, target.suffix, self.settings)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _replace(target, copy)
        except OSError as error:
            raise _cannot_write(target, error) from error
        found, wanted = format_of(content), FORMAT_OF_SUFFIX[target.suffix.lower()]
        note = f"{source} holds {found}; its copy is {wanted}" if found != wanted else None
        return Outcome(action, note, (*stamp, len(copy)) if stamp else None)


def _open_target(target: Path, settings: str) -> None:
    """Make or clear the folder so that nothing in it is believed that `settings` did not give."""
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(target, error) from error
    for folder, _, names in os.walk(target):
        for name in names:
            if name.endswith(_TEMPORARY):
                os.unlink(os.path.join(folder, name))
    file = target / _SETTINGS
    if not file.exists() and any(target.iterdir()):
        raise ConfigError(
            f"{target.absolute()} holds what 'm3net data prepare' did not write. Choose a new or "
            "empty TARGET."
        )
    if not _holds(file, settings.encode()):
        # In this order: killed in between, the old settings stand beside no journal.
        (target / _JOURNAL).unlink(missing_ok=True)
        _replace(file, settings.encode())


def _replace(file: Path, content: bytes) -> None:
    """Write a file so that, whatever happens, it is the old one or the whole new one."""
    temporary = file.with_name(f".{os.getpid()}{_TEMPORARY}")
    write_new(temporary, content)
    temporary.replace(file)


def _holds(file: Path, content: bytes) -> bool:
    """Tell whether a file is there and holds this and nothing else."""
    try:
        return read_bytes(file, len(content)) == content
    except (FileNotFoundError, ExcessError):
        return False


def _size(file: Path) -> int | None:
    stamp = stamp_of(file)
    return stamp[0] if stamp else None


def _cannot_write(place: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"cannot write {place}: {error.strerror}. Make room or choose another TARGET, and run the "
        "command again: what is done stays."
    )
