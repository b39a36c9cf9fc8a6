"""What is kept of a job that is done."""

import json
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from m3net.base.files import make_folder, write_text
from m3net.boundary.parsing import parsing
from m3net.boundary.plain_values import read_json
from m3net.workflows.studies.jobs.job import Job


@dataclass(frozen=True)
class Record:
    """A job that is done.

    Attributes:
        command: What does it again.
        run: Its run folder, runs/JOB/N.
        files: What the run folder must hold.
        settings: All of its settings, as JSON gives them back.
    """

    command: str
    run: str
    files: list[str]
    settings: dict[str, Any]


def write_record(file: Path, job: Job, run: str) -> None:
    """Note that a job is done.

    Args:
        file: Named after the job; its folder is made.
        job: The job.
        run: Its run folder, runs/JOB/N.

    Raises:
        OutputError: The file cannot be written.
    """
    command = shlex.join(["m3net", *job.words])
    record = Record(command, run, list(job.files), job.settings)
    make_folder(file.parent)
    write_text(file, json.dumps(asdict(record), indent=2) + "\n")


def read_record(file: Path, name: str) -> Record:
    """Read what was noted.

    Args:
        file: As it was written.
        name: Of the job.

    Raises:
        CheckpointError: It is damaged.
    """
    remedy = "restore it, or delete it, and its training is done anew"
    with parsing(file, remedy, "the record of a training"):
        record = Record(**read_json(file))
        texts = isinstance(record.files, list) and [record.command, record.run, *record.files]
        if not texts or not all(isinstance(text, str) for text in texts):
            raise TypeError("no texts")
        if not isinstance(record.settings, dict):
            raise TypeError("no settings")
        run = Path(record.run)
        if run.parent != Path("runs", name) or not run.name.isdigit():
            raise ValueError("another run")
    return record
