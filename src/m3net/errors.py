"""Errors that a user can mend: each names the place, the problem and the remedy.

The command line prints their text without a traceback; any other exception is a bug.
"""

import errno
import os
import re
from pathlib import Path
from typing import Self

_CONTROLS = r"\x00-\x1f\x7f-\x9f"
_BREAKS = r"\u2028\u2029"
# Unicode's Bidi_Control: they change the order in which the letters around them are shown.
_DIRECTIONS = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# Python's stand-ins for the bytes of a file name that are not UTF-8.
_SURROGATES = r"\ud800-\udfff"
_UNSAFE = re.compile(f"[{_CONTROLS}{_BREAKS}{_DIRECTIONS}{_SURROGATES}]")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def printable(text: str) -> str:
    r"""Return a text as one line that a terminal shows and does not obey.

    Each control character, line separator, change of direction and lone surrogate becomes its
    escape, as `repr` writes it. All else stays, also the joiners within emoji.

    Example:
        >>> print(printable("\x1b[31mred\r\n\u202e, 袖"))
        \x1b[31mred\r\n\u202e, 袖
    """
    return _UNSAFE.sub(lambda match: repr(match[0])[1:-1], text)


class M3NetError(Exception):
    """The user's input cannot be used; the text, one printable line, says why and what to do."""

    def __init__(self, text: str) -> None:
        """Join the lines of a text.

        Args:
            text: What is wrong and what to do. Or the report of a loader worker, whose last line
                is the text of the error.
        """
        # Split at "\n" alone: other line separators belong to names, and show there.
        lines = [line.strip() for line in text.strip().split("\n")]
        # torch raises a worker's error again with the worker's traceback as its text.
        if len(lines) > 1 and lines[1].startswith("Original "):
            lines = [lines[-1].removeprefix(f"{type(self).__module__}.{type(self).__qualname__}: ")]
        super().__init__(printable(" ".join(lines)))


class ConfigError(M3NetError):
    """Settings contradict one another or the machine."""

    @classmethod
    def not_text(cls, error: UnicodeDecodeError) -> Self:
        """Report a config file that is not UTF-8; the library that read it does not name it."""
        byte = error.object[error.start : error.start + 1]
        return cls(f"a config file is not text: byte {byte!r} is not UTF-8. Save it as UTF-8.")


class DatasetNotFoundError(M3NetError):
    """A file or folder of a data set is not where the settings say."""

    @classmethod
    def at(cls, what: str, path: str | Path, setting: str) -> Self:
        """Name what is missing, such as "image root", and the setting of its path."""
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
        """Name the file, the row that lists it and the problem.

        Args:
            path: The image file.
            listed: Where an annotation file lists it, such as "photos.csv, row 3"; None if none
                does.
            problem: What is wrong, without a full stop.
        """
        row = "" if listed is None else f" ({listed})"
        return cls(
            f"cannot read image {path}{row}: {problem}. Replace the file or take it out of the "
            "annotations."
        )


class EmbeddingError(M3NetError):
    """A file of embeddings contradicts its format or the data that it is evaluated on."""

    @classmethod
    def at(cls, file: str | Path, problem: str, remedy: str) -> Self:
        """Name the file, or the folder of its parts, the problem and the remedy."""
        return cls(f"{file}: {problem}. {remedy}.")


class OutputError(M3NetError):
    """A file that a command writes cannot be written."""

    @classmethod
    def at(cls, file: str | Path, error: OSError, setting: str = "runs") -> Self:
        """Name the file, the system's reason, and the setting that chooses another folder."""
        elsewhere = f"or set {setting} to another one"
        remedy = f"Make its folder writable, {elsewhere}"
        if error.errno in _FULL:
            remedy = f"Free some space, {elsewhere}; what was there before is intact"
        problem = os.strerror(error.errno) if error.errno else str(error)
        return cls(f"cannot write {file}: {problem}. {remedy}.")


class CheckpointError(M3NetError):
    """A checkpoint or run folder cannot serve its purpose."""


class TrainingError(M3NetError):
    """A training cannot go on: a loss is not finite, memory is full or a worker failed."""


class WeightsError(M3NetError):
    """Pretrained backbone weights are not available."""


def own_cause(error: BaseException) -> M3NetError | None:
    """Return the M3NetError in an exception's cause chain, or None.

    jsonargparse wraps whatever an argument's class raises.
    """
    cause = error.__cause__
    return cause if cause is None or isinstance(cause, M3NetError) else own_cause(cause)
