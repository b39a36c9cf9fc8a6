"""The run folder as one value, which knows the names of its files.

runs/<experiment>/<n>/
    config.yaml metrics.csv metrics.json nonfinite.csv
    checkpoints/{best,last,previous}.ckpt
    validate/ test/ predict/
    rankings/<ranking>/{validate,test}/
    finished.json                          when there is nothing to resume
    wandb/ wandb-id.txt
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from m3net.base.files import make_folder, writing
from m3net.base.process_tree import RUN_FOLDER, is_first_process, started_by_another
from m3net.boundary.parsing import parsing
from m3net.boundary.plain_values import read_yaml
from m3net.errors import CheckpointError
from m3net.experiments.upgrades import upgrade_settings

PLACES = ("resume", "ckpt_path", "weights_only", "runs", "experiment", "trust")
"""Settings of where a training starts, where it writes and which classes it trusts."""


class _Path:
    """A file or folder of a folder, as its attribute."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, owner: "EvaluationFolder | Run", kind: type) -> Path:
        return owner.folder / self._name


@dataclass(frozen=True)
class EvaluationFolder:
    """The results of one evaluation."""

    folder: Path

    scores = _Path("scores.csv")
    """The table of scores."""
    plain_scores = _Path("scores.json")
    """The same numbers for programs."""
    classes = _Path("classes.csv")
    """Scores of each class."""
    queries = _Path("queries.csv")
    """Scores of each query."""
    page = _Path("report.html")
    """The report as one HTML file."""
    gallery = _Path("gallery.png")
    """Picture of one query per attribute."""
    galleries = _Path("galleries")
    """Folder of pictures of queries and what was retrieved."""
    attention = _Path("attention.png")
    """Picture of where the network looks."""


@dataclass(frozen=True)
class Run:
    """A run folder."""

    folder: Path

    config = _Path("config.yaml")
    """All settings."""
    curves = _Path("metrics.csv")
    """What was logged in training."""
    summary = _Path("metrics.json")
    """Best and last scores, costs and provenance."""
    nonfinite = _Path("nonfinite.csv")
    """Images of the steps that were not finite."""
    checkpoints = _Path("checkpoints")
    """Folder of the checkpoints."""
    finished = _Path("finished.json")
    """Says that there is nothing to resume."""
    lock = _Path(".lock")
    """Held by the process that trains."""
    wandb_id = _Path("wandb-id.txt")
    """The run's id at Weights & Biases."""
    rankings = _Path("rankings")
    """Folder of evaluations by other rankings."""
    predictions = _Path("predict")
    """Folder of vectors and probabilities of photos without labels."""

    @classmethod
    def create(cls, root: Path, experiment: str) -> "Run":
        """Make the folder root / experiment / n, with n one above the highest there.

        Processes that this process starts get the same run.

        Raises:
            OutputError: The folder cannot be made.
        """
        if started_by_another():
            return cls(Path(os.environ[RUN_FOLDER]))
        parent = root / experiment
        make_folder(parent)
        while True:
            folder = parent / str(max(_numbers(parent), default=-1) + 1)
            if is_first_process():
                with writing(folder):
                    try:
                        folder.mkdir()
                    except FileExistsError:
                        # Another run has just taken the number.
                        continue
            return cls(folder).share()

    @classmethod
    def latest(cls, root: Path, experiment: str) -> "Run | None":
        """Return the run of an experiment with the highest number, if there is one."""
        parent = root / experiment
        numbers = _numbers(parent) if parent.is_dir() else []
        return cls(parent / str(max(numbers))) if numbers else None

    @classmethod
    def of_checkpoint(cls, checkpoint: Path) -> "Run | None":
        """Return the run whose folder contains a checkpoint, or None.

        Links are not followed: one may lead to another run, whose results would be replaced.
        """
        folder = Path(os.path.abspath(checkpoint)).parent
        run = cls(folder.parent)
        return run if folder == run.checkpoints and run.config.is_file() else None

    def checkpoint(self, name: str) -> Path:
        """Return the file of a checkpoint: "best", "last" or "previous"."""
        return self.checkpoints / f"{name}.ckpt"

    def evaluation(self, name: str, ranking: str | None = None) -> EvaluationFolder:
        """Return the folder of an evaluation.

        Args:
            name: "validate" or "test".
            ranking: None for the ranking of the settings.
        """
        parent = self.folder if ranking is None else self.rankings / ranking
        return EvaluationFolder(parent / name)

    def find_checkpoint(self, names: Sequence[str] = ("best", "last")) -> Path:
        """Return the first of some checkpoints that exists.

        Raises:
            CheckpointError: None does.
        """
        files = [self.checkpoint(name) for name in names]
        for file in files:
            if file.is_file():
                return file
        wanted = " or ".join(str(file.relative_to(self.folder)) for file in files)
        raise CheckpointError(
            f"{self.folder} holds no {wanted}; it is not a run folder, or its training was "
            "stopped before the first epoch ended."
        )

    def read_config(self, remedy: str) -> dict[str, Any]:
        """Read all settings.

        Args:
            remedy: What to do if they cannot be read, without a full stop.

        Raises:
            CheckpointError: config.yaml is missing or damaged.
        """
        with parsing(self.config, remedy):
            plain = read_yaml(self.config)
            if not isinstance(plain, dict):
                raise TypeError("no mapping")
            return upgrade_settings(plain)

    def settings(self) -> dict[str, Any]:
        """Read the settings without `PLACES`, to resume with them or compare them.

        Raises:
            CheckpointError: This is no run folder, or config.yaml is damaged.
        """
        if not self.config.is_file():
            raise CheckpointError(
                f"{self.folder} holds no {self.config.name}: it is not a run folder, or its "
                "training was stopped before it began. Start it again without resume."
            )
        settings = self.read_config("restore it, or start a new run")
        return {name: value for name, value in settings.items() if name not in PLACES}

    def share(self) -> "Run":
        """Tell child processes of this run; in a child process, return its parent's run."""
        if started_by_another():
            return Run(Path(os.environ[RUN_FOLDER]))
        if is_first_process():
            os.environ[RUN_FOLDER] = str(self.folder)
        return self


def find_checkpoint(path: Path, names: Sequence[str] = ("best", "last")) -> Path:
    """Return a checkpoint file itself, or the first of some checkpoints of a run folder.

    Raises:
        CheckpointError: There is none.
    """
    if path.is_file():
        return path
    if path.is_dir():
        return Run(path).find_checkpoint(names)
    raise CheckpointError(f"checkpoint or run folder not found: {path}.")


def _numbers(parent: Path) -> list[int]:
    """Return the numbers of the runs of an experiment."""
    return [int(child.name) for child in parent.iterdir() if child.name.isdecimal()]
