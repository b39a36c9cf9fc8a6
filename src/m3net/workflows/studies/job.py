"""One training process of a study, and the record of a finished one."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from m3net.base.differences import differences
from m3net.base.files import make_folder, write_text
from m3net.boundary.parsing import parsing
from m3net.boundary.plain_values import read_json
from m3net.boundary.typed import read_as
from m3net.errors import ConfigError
from m3net.experiments.run import PLACES, Run
from m3net.training.resume import SURVIVAL, latest_run
from m3net.training.trainer import best_precision
from m3net.workflows.cli import resolve

RETRAIN = "restore it, or delete it to train again"
"""What to do about a damaged file of a finished training."""
Settings = dict[str, Any]
_RESULT_PATHS = ("runs", "experiment")
_PER_RUN = (
    *(*PLACES, *SURVIVAL),
    *("trainer.default_root_dir", "trainer.logger", "checkpoint.dirpath"),
)
"""Settings, or prefixes of their names, that differ between runs of the same job."""


@dataclass(frozen=True)
class Job:
    """One m3net process."""

    name: str
    """Names its log, its record and its experiment."""
    arguments: tuple[str, ...]
    """The arguments after `m3net`."""
    settings: Settings
    """The settings that the arguments resolve to, without the paths of the results."""
    files: tuple[str, ...]
    """Files of its run folder that exist once it has finished."""


@dataclass(frozen=True)
class Record:
    """A finished job, as its record file describes it."""

    command: str
    """The command that repeats it."""
    run: str
    """Its run folder, runs/JOB/N."""
    files: list[str]
    """Files that the run folder must hold."""
    settings: Settings
    """All of its settings."""


def plan_job(name: str, arguments: Sequence[str], files: Sequence[str], folder: Path) -> Job:
    """Build a job that writes into runs/NAME of a study's folder; see `Job`.

    Raises:
        ConfigError: The training refuses an argument.
    """
    settings = {key: value for key, value in resolve(arguments).items() if key not in _RESULT_PATHS}
    paths = (f"--runs={folder / 'runs'}", f"--experiment={name}")
    plain = json.loads(json.dumps(settings))
    return Job(name, (*arguments, *paths), plain, tuple(files))


def can_resume(runs: Path, name: str, settings: Settings) -> bool:
    """Return whether the latest run of a job was interrupted and has the same settings.

    Raises:
        CheckpointError: The settings of the run cannot be read.
    """
    run = latest_run(runs, name)
    if run is None:
        return False
    trainer = settings["trainer"]
    resolved = trainer | {"precision": trainer["precision"] or best_precision()}
    changed = differences(Run(run).settings(), settings | {"trainer": resolved})
    return all(setting.startswith(_PER_RUN) for setting in changed)


def check_unchanged(before: Settings, now: Settings, file: Path, results: Path) -> None:
    """Check that a study repeats the settings of its results.

    Args:
        before: Settings of the results.
        now: Settings of the study.
        file: File of the settings before.
        results: File or folder to delete to train again.

    Raises:
        ConfigError: They differ.
    """
    changes = differences(before, now)
    if changes:
        raise ConfigError(
            f"{file} was made with other settings: {'; '.join(changes.values())}. Restore them, "
            f"choose another name, or delete {results} to train again."
        )


def write_record(file: Path, job: Job, run: str) -> None:
    """Record that a job has finished, with its run folder runs/JOB/N.

    Raises:
        OutputError: The file cannot be written.
    """
    command = shlex.join(["m3net", *job.arguments])
    record = Record(command, run, list(job.files), job.settings)
    make_folder(file.parent)
    write_text(file, json.dumps(asdict(record), indent=2) + "\n")


def read_record(file: Path, name: str) -> Record:
    """Read the record of a job of that name.

    Raises:
        CheckpointError: The file is damaged.
    """
    with parsing(file, RETRAIN, "the record of a training"):
        record = read_as(Record, read_json(file))
        run = Path(record.run)
        if run.parent != Path("runs", name) or not run.name.isdigit():
            raise ValueError("another run")
    return record
