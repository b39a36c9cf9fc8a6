"""What the files of a run folder say; nothing is computed anew."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from m3net.errors import CheckpointError
from m3net.runs import read_config, reading

Contents = TypeVar("Contents")

_REMEDY = "restore it, or leave the run out"


@dataclass(frozen=True)
class RunFiles:
    """A run by its files; what is not there is None.

    Attributes:
        folder: The run folder.
        config: config.yaml, all settings.
        text: config.yaml as it is written; empty where it is not there.
        summary: metrics.json.
        curves: metrics.csv, which another logger does not write.
        scores: test/scores.csv.
    """

    folder: Path
    config: dict[str, Any] | None
    text: str
    summary: dict[str, Any] | None
    curves: pd.DataFrame | None
    scores: pd.DataFrame | None

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
    names = ("config.yaml", "metrics.json", "metrics.csv", "test/scores.csv")
    config, summary, curves, scores = (folder / name for name in names)
    return RunFiles(
        folder=folder,
        config=read_config(config, _REMEDY) if config.is_file() else None,
        text=config.read_text(encoding="utf-8") if config.is_file() else "",
        summary=_read(summary, lambda file: json.loads(file.read_text(encoding="utf-8"))),
        curves=_read(curves, pd.read_csv),
        scores=_read(scores, read_scores),
    )


def _read(file: Path, parse: Callable[[Path], Contents]) -> Contents | None:
    with reading(file, _REMEDY):
        return parse(file) if file.is_file() else None


def read_tested_run(folder: Path) -> RunFiles:
    """Read a run that has been tested.

    Args:
        folder: The run folder.

    Raises:
        CheckpointError: It is none, or has not been tested.
    """
    run = read_run(folder)
    for name, found in (("config.yaml", run.config), ("test/scores.csv", run.scores)):
        if found is None:
            raise CheckpointError(
                f"{folder} holds no {name}, so that the report cannot compare with it: name the "
                "folder of a run that 'm3net train' or 'm3net test' has tested."
            )
    return run


def read_scores(file: Path) -> pd.DataFrame:
    """Read a table of scores; an attribute may be called NA or null.

    Args:
        file: A scores.csv.
    """
    table, names = pd.read_csv(file), ["attribute", "protocol"]
    table[names] = pd.read_csv(file, usecols=names, dtype=str, keep_default_na=False)[names]
    return table
