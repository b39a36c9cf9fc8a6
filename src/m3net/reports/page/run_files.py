"""What the files of a run folder hold; nothing is computed again."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pydantic import BaseModel

from m3net.boundary.number_table import read_number_table
from m3net.boundary.parsing import parsing
from m3net.boundary.plain_values import read_json
from m3net.boundary.typed import read_as
from m3net.errors import CheckpointError
from m3net.experiments.run import Run
from m3net.reports.score_files import read_scores

Contents = TypeVar("Contents")

_REMEDY = "restore it, or leave the run out"

_Scores = dict[str, int | float | None]


class _Summary(BaseModel):
    """What of metrics.json is shown."""

    seconds: float
    steps: int
    images: int
    parameters: int
    best: _Scores | None = None
    commit: str | None = None
    device: str = ""
    versions: dict[str, str] = {}


class _Data(BaseModel):
    class_path: str
    init_args: dict[str, Any] = {}


class _Metrics(BaseModel):
    without_relevant: str


class _Model(BaseModel):
    metrics: _Metrics


class _Tested(BaseModel):
    """What of config.yaml tells whether two tests compare."""

    data: _Data
    model: _Model


@dataclass(frozen=True)
class RunFiles:
    """A run by its files; what is not there is None."""

    folder: Path
    """The run folder."""
    config: dict[str, Any] | None
    """config.yaml, all settings."""
    text: str
    """config.yaml as it is written; empty where it is not there."""
    summary: dict[str, Any] | None
    """metrics.json."""
    curves: pd.DataFrame | None
    """metrics.csv, which another logger does not write."""
    scores: pd.DataFrame | None
    """test/scores.csv."""

    @property
    def name(self) -> str:
        """Experiment and number."""
        place = self.folder.resolve()
        return f"{place.parent.name}/{place.name}"


def read_run(folder: Path) -> RunFiles:
    """Read what is there.

    Args:
        folder: The run folder.
    """
    run = Run(folder)
    config, scores = run.config, run.evaluation("test").scores
    return RunFiles(
        folder=folder,
        config=run.read_config(_REMEDY) if config.is_file() else None,
        text=config.read_text(encoding="utf-8") if config.is_file() else "",
        summary=_read(run.summary, _read_summary),
        curves=_read(run.curves, lambda file: read_number_table(file, numbers=["step"])),
        scores=_read(scores, read_scores),
    )


def _read_summary(file: Path) -> dict[str, Any]:
    summary: dict[str, Any] = read_json(file)
    read_as(_Summary, summary, others="ignore")
    return summary


def _read(file: Path, parse: Callable[[Path], Contents]) -> Contents | None:
    with parsing(file, _REMEDY):
        return parse(file) if file.is_file() else None


def read_tested_run(folder: Path) -> RunFiles:
    """Read a run that has been tested.

    Args:
        folder: The run folder.

    Raises:
        CheckpointError: It is none, or has not been tested.
    """
    run, contents = Run(folder), read_run(folder)
    needed = {run.config: contents.config, run.evaluation("test").scores: contents.scores}
    for file, found in needed.items():
        if found is None:
            raise CheckpointError(
                f"{folder} holds no {file.relative_to(folder)}, so that the report cannot compare "
                "with it: name the folder of a run that 'm3net train' or 'm3net test' has tested."
            )
    with parsing(run.config, _REMEDY):
        read_as(_Tested, contents.config, others="ignore")
    return contents
