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

from m3net.base.files import writing
from m3net.base.process_tree import RUN_FOLDER, is_first_process, started_by_another
from m3net.boundary.parsing import parsing
from m3net.boundary.plain_values import read_yaml
from m3net.errors import CheckpointError
from m3net.experiments.upgrades import upgrade_settings

PLACES = ("resume", "ckpt_path", "weights_only", "runs", "experiment", "trust")
"""Settings that say where a training starts, where it writes and whom it trusts."""


@dataclass(frozen=True)
class EvaluationFolder:
    """The results of one evaluation."""

    folder: Path

    @property
    def scores(self) -> Path:
        """The table of scores."""
        return self.folder / "scores.csv"

    @property
    def plain_scores(self) -> Path:
        """The same numbers for programs."""
        return self.folder / "scores.json"

    @property
    def classes(self) -> Path:
        """Scores of each class."""
        return self.folder / "classes.csv"

    @property
    def queries(self) -> Path:
        """Scores of each query."""
        return self.folder / "queries.csv"

    @property
    def page(self) -> Path:
        """The report as one HTML file."""
        return self.folder / "report.html"

    @property
    def gallery(self) -> Path:
        """Picture of one query per attribute."""
        return self.folder / "gallery.png"

    @property
    def galleries(self) -> Path:
        """Folder of pictures of queries and what was retrieved."""
        return self.folder / "galleries"

    @property
    def attention(self) -> Path:
        """Picture of where the network looks."""
        return self.folder / "attention.png"


@dataclass(frozen=True)
class Run:
    """A run folder."""

    folder: Path

    @classmethod
    def create(cls, root: Path, experiment: str) -> "Run":
        """Make the next numbered folder of an experiment.

        Args:
            root: Folder of all runs.
            experiment: Name of the experiment.

        Returns:
            root / experiment / n with n one above the highest there. Processes that this process
            starts get the same run.

        Raises:
            OutputError: The folder cannot be made.
        """
        if started_by_another():
            return cls(Path(os.environ[RUN_FOLDER]))
        parent = root / experiment
        with writing(parent):
            parent.mkdir(parents=True, exist_ok=True)
        while True:
            folder = parent / str(max(_numbers(parent), default=-1) + 1)
            if is_first_process():
                with writing(folder):
                    try:
                        folder.mkdir()
                    except FileExistsError:
                        # Another run took the number in this moment.
                        continue
                os.environ[RUN_FOLDER] = str(folder)
            return cls(folder)

    @classmethod
    def latest(cls, root: Path, experiment: str) -> "Run | None":
        """Return the run of an experiment with the highest number, if there is one."""
        parent = root / experiment
        numbers = _numbers(parent) if parent.is_dir() else []
        return cls(parent / str(max(numbers))) if numbers else None

    @classmethod
    def of_checkpoint(cls, checkpoint: Path) -> "Run | None":
        """Return the run that a checkpoint belongs to, if it lies in one.

        Links are not followed: one may lead into the checkpoints of another run, whose results
        would be replaced.
        """
        folder = Path(os.path.abspath(checkpoint)).parent
        run = cls(folder.parent)
        return run if folder == run.checkpoints and run.config.is_file() else None

    @property
    def config(self) -> Path:
        """All settings."""
        return self.folder / "config.yaml"

    @property
    def curves(self) -> Path:
        """What was logged in training."""
        return self.folder / "metrics.csv"

    @property
    def summary(self) -> Path:
        """Best and last scores, costs and provenance."""
        return self.folder / "metrics.json"

    @property
    def nonfinite(self) -> Path:
        """Images at which the training was not finite."""
        return self.folder / "nonfinite.csv"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.folder / "checkpoints"

    @property
    def finished(self) -> Path:
        """Says that there is nothing to resume."""
        return self.folder / "finished.json"

    @property
    def lock(self) -> Path:
        """Held by the process that trains."""
        return self.folder / ".lock"

    @property
    def wandb_id(self) -> Path:
        """The run's id at Weights & Biases."""
        return self.folder / "wandb-id.txt"

    @property
    def rankings(self) -> Path:
        """Folder of evaluations by other rankings."""
        return self.folder / "rankings"

    @property
    def predictions(self) -> Path:
        """Folder of vectors and probabilities of photos without labels."""
        return self.folder / "predict"

    def checkpoint(self, name: str) -> Path:
        """Return the file of a checkpoint: "best", "last" or "previous"."""
        return self.checkpoints / f"{name}.ckpt"

    def evaluation(self, name: str, ranking: str | None = None) -> EvaluationFolder:
        """Return where an evaluation goes.

        Args:
            name: "validate" or "test".
            ranking: None for the ranking of the settings.
        """
        parent = self.folder if ranking is None else self.rankings / ranking
        return EvaluationFolder(parent / name)

    def find_checkpoint(self, names: Sequence[str] = ("best", "last")) -> Path:
        """Return the first checkpoint that is there.

        Args:
            names: The most wanted one first.

        Raises:
            CheckpointError: There is none.
        """
        files = [self.checkpoint(name) for name in names]
        found = next((file for file in files if file.is_file()), None)
        if found is None:
            wanted = " or ".join(str(file.relative_to(self.folder)) for file in files)
            raise CheckpointError(
                f"{self.folder} holds no {wanted}; it is not a run folder, or its training was "
                "stopped before the first epoch ended."
            )
        return found

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
        """Read the settings without `PLACES`, to compare them with others.

        Raises:
            CheckpointError: This is no run folder, or config.yaml is damaged.
        """
        if not self.config.is_file():
            raise CheckpointError(
                f"{self.folder} holds no {self.config.name}: it is not a run folder, or its "
                "training was stopped before it began. Start it again without --resume."
            )
        settings = self.read_config("restore it, or start a new run")
        return {name: value for name, value in settings.items() if name not in PLACES}

    def share(self) -> "Run":
        """Name this run to the processes that this process starts.

        Returns:
            This run; in those processes, the run of the process that started them.
        """
        if started_by_another():
            return Run(Path(os.environ[RUN_FOLDER]))
        if is_first_process():
            os.environ[RUN_FOLDER] = str(self.folder)
        return self


def find_checkpoint(path: Path, names: Sequence[str] = ("best", "last")) -> Path:
    """Return the checkpoint that a path means.

    Args:
        path: A checkpoint file, or a run folder.
        names: Which of a run's checkpoints, the most wanted one first.

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
