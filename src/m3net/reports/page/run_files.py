"""Contents of the files of a run folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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

T = TypeVar("T")

_REMEDY = "restore it, or leave the run out"


class Summary(BaseModel):
    """The entries of metrics.json that the page shows."""

    seconds: float
    steps: int
    images: int
    parameters: int
    best: dict[str, int | float | None] | None = None
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
    """The settings in config.yaml that decide whether two tests compare."""

    data: _Data
    model: _Model


@dataclass(frozen=True)
class RunFiles:
    """A run by its files; None or an empty value stands for a missing file."""

    folder: Path
    config: dict[str, Any] = field(default_factory=dict)
    """config.yaml, all settings."""
    text: str = ""
    """config.yaml as it is written."""
    summary: Summary | None = None
    """metrics.json."""
    curves: pd.DataFrame | None = None
    """metrics.csv, which another logger does not write."""
    scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    """test/scores.csv."""

    @property
    def name(self) -> str:
        """Experiment and number."""
        folder = self.folder.resolve()
        return f"{folder.parent.name}/{folder.name}"


def distinct_names(runs: Sequence[RunFiles]) -> list[str]:
    """Return experiment and number of each run, or their paths if those are not distinct."""
    names = [run.name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.folder.resolve()) for run in runs]


def read_run(folder: Path) -> RunFiles:
    """Read the files that are there.

    Raises:
        CheckpointError: A file is damaged.
    """
    run = Run(folder)
    has_config, scores = run.config.is_file(), run.evaluation("test").scores
    return RunFiles(
        folder=folder,
        config=run.read_config(_REMEDY) if has_config else {},
        text=run.config.read_text(encoding="utf-8") if has_config else "",
        summary=_read(run.summary, _read_summary, None),
        curves=_read(run.curves, _read_curves, None),
        scores=_read(scores, read_scores, pd.DataFrame()),
    )


def read_tested_run(folder: Path) -> RunFiles:
    """Read a run that was tested.

    Raises:
        CheckpointError: The folder holds no config.yaml or no test scores, or a file is damaged.
    """
    run = Run(folder)
    for file in (run.config, run.evaluation("test").scores):
        if not file.is_file():
            raise CheckpointError(
                f"{folder} holds no {file.relative_to(folder)}, so that the report cannot compare "
                "with it: name the folder of a run that 'm3net train' or 'm3net test' has tested."
            )
    contents = read_run(folder)
    with parsing(run.config, _REMEDY):
        read_as(_Tested, contents.config, others="ignore")
    return contents


def _read(file: Path, parse: Callable[[Path], T], missing: T) -> T:
    with parsing(file, _REMEDY):
        return parse(file) if file.is_file() else missing


def _read_curves(file: Path) -> pd.DataFrame | None:
    return read_number_table(file, numbers=["step"])


def _read_summary(file: Path) -> Summary | None:
    return read_as(Summary, read_json(file), others="ignore")
