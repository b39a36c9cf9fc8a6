"""Errors that a user can mend: each names the place, the problem and the remedy.

The command line prints their text without a traceback; everything else that is raised is a bug.
"""

import errno
import os
import re
from pathlib import Path
from typing import Self

_CONTROLS = r"\x00-\x1f\x7f-\x9f"
_BREAKS = r"\u2028\u2029"
# They turn the order in which the letters around them are shown: Unicode's Bidi_Control.
_TURNS = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# What stands for the bytes of a file name that are no UTF-8.
_HALVES = r"\ud800-\udfff"
_DANGEROUS = re.compile(f"[{_CONTROLS}{_BREAKS}{_TURNS}{_HALVES}]")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def printable(text: str) -> str:
    r"""Return a text as one line that a terminal shows and does not obey.

    Each control character, line separator, change of direction and half of a character becomes its
    escape, as `repr` writes it; all else stays, also what joins emoji.

    Args:
        text: Anything.

    Example:
        >>> print(printable("\x1b[31mred\r\n\u202e, 袖"))
        \x1b[31mred\r\n\u202e, 袖
    """
    return _DANGEROUS.sub(lambda found: repr(found[0])[1:-1], text)


class M3NetError(Exception):
    """Something the user gave cannot be used; the text, one line, says what and what to do.

    Names in it do nothing to a terminal.
    """

    def __init__(self, text: str) -> None:
        """Take the text.

        Args:
            text: What is wrong and what to do; its lines are joined. Or the report of a loader
                worker, whose last line is the error's text.
        """
        # Other letters that end lines are a part of names, which shows.
        lines = [line.strip() for line in text.strip().split("\n")]
        # torch raises a worker's error anew, with the worker's traceback for its text.
        if len(lines) > 1 and lines[1].startswith("Original "):
            lines = [lines[-1].removeprefix(f"{type(self).__module__}.{type(self).__qualname__}: ")]
        super().__init__(printable(" ".join(lines)))


class ConfigError(M3NetError):
    """Settings that contradict one another or the machine."""

    @classmethod
    def not_text(cls, error: UnicodeDecodeError) -> Self:
        """Say what is wrong with a config file; the library that read it does not say which."""
        value = error.object[error.start : error.start + 1]
        return cls(f"a file of --config is no text: byte {value!r} is not UTF-8. Save it as UTF-8.")


class DatasetNotFoundError(M3NetError):
    """A file or folder of a data set is not where the settings say."""

    @classmethod
    def at(cls, what: str, path: str | Path, setting: str) -> Self:
        """Name what is missing and the setting that points to it.

        Args:
            what: What should be there, as "image root".
            path: Where it was looked for.
            setting: The setting with the path, such as "data.root".
        """
        place = Path(path).expanduser().absolute()
        return cls(f"{what} not found: {place}. Put it there, or set {setting}.")


class AnnotationError(M3NetError):
    """An annotation file contradicts its format."""

    @classmethod
    def at(cls, file: str | Path, row: int | None, problem: str, remedy: str) -> Self:
        """Name the place, the problem and the remedy.

        Args:
            file: The annotation file.
            row: Its line, counted from 1 with the header as line 1; None for the whole file.
            problem: What is wrong, without a full stop.
            remedy: What to do about it, without a full stop.
        """
        place = f"{file}" if row is None else f"{file}, row {row}"
        return cls(f"{place}: {problem}. {remedy}.")


class ImageReadError(M3NetError):
    """An image is missing, truncated or not an image."""

    @classmethod
    def at(cls, path: str | Path, listed: str | None, problem: str) -> Self:
        """Name the file, the row that asked for it and what is wrong with it.

        Args:
            path: The image file.
            listed: Where an annotation file lists it, as "photos.csv, row 3"; None where none
                does.
            problem: What is wrong, without a full stop.
        """
        asked = "" if listed is None else f" ({listed})"
        return cls(
            f"cannot read image {path}{asked}: {problem}. Replace the file or take it out of the "
            "annotations."
        )


class EmbeddingError(M3NetError):
    """A file of embeddings contradicts its format or the data that it is evaluated on."""

    @classmethod
    def at(cls, file: str | Path, problem: str, remedy: str) -> Self:
        """Name the file, the problem and the remedy.

        Args:
            file: The file, or the folder of its parts.
            problem: What is wrong and where, without a full stop.
            remedy: What to do about it, without a full stop.
        """
        return cls(f"{file}: {problem}. {remedy}.")


class OutputError(M3NetError):
    """A file of a run cannot be written, or another one that a command writes."""

    @classmethod
    def at(cls, file: str | Path, error: OSError, instead: str | None = None) -> Self:
        """Name the file, what the system says and the remedy.

        Args:
            file: The file or folder.
            error: What writing it has met.
            instead: Which other folder to choose, "another one by --out"; None for a run's.
        """
        remedy = f"Make its folder writable, or choose {instead or 'another one by --runs'}"
        if error.errno in _FULL:
            whole = "; what lay there before is whole, and --resume goes on from it"
            remedy = "Free some space" + (f", or choose {instead}" if instead else whole)
        problem = os.strerror(error.errno) if error.errno else str(error)
        return cls(f"cannot write {file}: {problem}. {remedy}.")


class CheckpointError(M3NetError):
    """A checkpoint or run folder cannot serve what was asked."""


class TrainingError(M3NetError):
    """A training cannot go on: a loss is no number, memory is out or a loader failed."""


class WeightsError(M3NetError):
    """Pretrained backbone weights cannot be had."""


def own_cause(error: BaseException) -> M3NetError | None:
    """Return the M3NetError in an exception's cause chain, or None.

    jsonargparse does so with whatever stops it from building an argument.
    """
    cause = error.__cause__
    return cause if cause is None or isinstance(cause, M3NetError) else own_cause(cause)
