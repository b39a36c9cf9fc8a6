"""Turn parse errors of a file into one sentence."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from m3net.boundary.regular_file import ExcessError
from m3net.boundary.typed import MismatchError
from m3net.errors import CheckpointError

_DAMAGE = (
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    RecursionError,
    csv.Error,
    yaml.YAMLError,
)
"""What readers raise on damaged files."""


@contextmanager
def parsing(file: Path, remedy: str, what: str | None = None) -> Iterator[None]:
    """Turn parse errors of a file into a CheckpointError.

    Args:
        file: The file that is read within the block.
        remedy: What to do about it, without a full stop.
        what: What the file should be; None for a file of a run folder.

    Raises:
        CheckpointError: The block raised a parse error.
    """
    try:
        yield
    except _DAMAGE as error:
        expected = f"the {file.name} of a run" if what is None else what
        known = isinstance(error, (ExcessError, MismatchError))
        reason = str(error) if known else type(error).__name__
        raise CheckpointError(f"{file} is not {expected} ({reason}): {remedy}.") from error
