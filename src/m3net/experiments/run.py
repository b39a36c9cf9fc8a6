"""The run folder: where a run's files lie.

runs/<experiment>/<n>/
    config.yaml metrics.csv metrics.json checkpoints/{best,last}.ckpt validate/ test/ predict/
    finished.json                                     when there is nothing to go on with
    rankings/<ranking>/{validate,test}/
    wandb/ wandb-id.txt
"""

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from m3net.base.files import writing
from m3net.base.process_tree import RUN_FOLDER, is_first_process, started_by_another
from m3net.boundary.plain_values import read_yaml
from m3net.boundary.regular_file import ExcessError
from m3net.boundary.typed import MismatchError
from m3net.errors import CheckpointError
from m3net.experiments.upgrades import upgrade_settings

PLACES = ("resume", "ckpt_path", "weights_only", "runs", "experiment", "trust")
"""Settings that say where a training starts, where it writes and whom it trusts."""
_DAMAGE = (
    *(ValueError, TypeError, LookupError, OverflowError, RecursionError),
    *(csv.Error, yaml.YAMLError),
)
"""What readers raise of a file that holds something else than was written."""


def new_run(root: Path, experiment: str) -> Path:
    """Make the next numbered folder of an experiment.

    Args:
        root: Folder of all runs.
        experiment: Name of the experiment.

    Returns:
        root / experiment / n with n one above the highest there; the same folder for the
        processes that this process starts.
    """
    if started_by_another():
        return Path(os.environ[RUN_FOLDER])
    parent = root / experiment
    with writing(parent):
        parent.mkdir(parents=True, exist_ok=True)
    while True:
        numbers = [int(child.name) for child in parent.iterdir() if child.name.isdigit()]
        folder = parent / str(max(numbers, default=-1) + 1)
        if is_first_process():
            with writing(folder):
                try:
                    folder.mkdir()
                except FileExistsError:
                    # Another run took the number in this moment.
                    continue
            os.environ[RUN_FOLDER] = str(folder)
        return folder


def share_run(folder: Path) -> Path:
    """Name a run that goes on to the processes that this process starts.

    Args:
        folder: What this process takes for it.

    Returns:
        The folder; in those processes, that of the process that started them.
    """
    if started_by_another():
        return Path(os.environ[RUN_FOLDER])
    if is_first_process():
        os.environ[RUN_FOLDER] = str(folder)
    return folder


@contextmanager
def reading(file: Path, remedy: str, what: str | None = None) -> Iterator[None]:
    """Say in words that a file of a run folder holds something else than a run has written.

    Args:
        file: What is read within the block.
        remedy: What to do about it, without a full stop.
        what: What the file should be, where it lies in no run folder.

    Raises:
        CheckpointError: The block has stumbled over the contents.
    """
    try:
        yield
    except _DAMAGE as error:
        own = f"the {file.name} of a run" if what is None else what
        why = (
            str(error) if isinstance(error, (ExcessError, MismatchError)) else type(error).__name__
        )
        raise CheckpointError(f"{file} is not {own} ({why}): {remedy}.") from error


def read_config(file: Path, remedy: str) -> dict[str, Any]:
    """Read all settings of a run.

    Args:
        file: Its config.yaml.
        remedy: What to do where it is none.

    Raises:
        CheckpointError: It is none.
    """
    with reading(file, remedy):
        plain = read_yaml(file)
        if not isinstance(plain, dict):
            raise TypeError("no mapping")
        return upgrade_settings(plain)


def settings_of(run: Path) -> dict[str, Any]:
    """Return the settings of a run without `PLACES`, to compare with others.

    Args:
        run: The run folder.

    Raises:
        CheckpointError: It is none.
    """
    file = run / "config.yaml"
    if not file.is_file():
        raise CheckpointError(
            f"{run} holds no config.yaml: it is not a run folder, or its training was stopped "
            "before it began. Start it anew without --resume."
        )
    settings = read_config(file, "restore it, or start a new run")
    return {name: value for name, value in settings.items() if name not in PLACES}
