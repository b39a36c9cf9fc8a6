"""The trials of a sweep, best first: as CSV, as Markdown and on the terminal."""

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from m3net.base.escaping import csv_cell
from m3net.base.files import write_text
from m3net.reports.sheets import Sheet
from m3net.workflows.studies.sweep_file import METRIC, Sweep, Trial


def write_ranking(trials: Sequence[Trial], sweep: Sweep, folder: Path) -> None:
    """Write ranking.csv, with scores in [0, 1], and ranking.md into the study's folder.

    Raises:
        OutputError: A file cannot be written.
    """
    rows = [
        {METRIC: trial.score, "trial": trial.number}
        | trial.parameters
        | {"run": _run_name(trial, folder), "status": trial.status}
        for trial in trials
    ]
    table = pd.DataFrame(rows, dtype=object).map(csv_cell).rename(columns=csv_cell)
    write_text(folder / "ranking.csv", table.to_csv(index=False, lineterminator="\r\n"))
    write_text(folder / "ranking.md", ranking_sheet(trials, sweep, folder).markdown())


def ranking_sheet(trials: Sequence[Trial], sweep: Sweep, folder: Path) -> Sheet:
    """Return the ranking as a table, with scores in percent."""
    rows = [
        (
            "-" if trial.score is None else f"{100 * trial.score:.2f}",
            str(trial.number),
            *(_cell(trial.parameters[name]) for name in sweep.parameters),
            _run_name(trial, folder) or "-",
            "failed" if trial.reason else "done",
        )
        for trial in trials
    ]
    columns = ("MAP@all", "trial", *short_names([*sweep.parameters]), "run", "status")
    failures = [f"trial {trial.number} failed: {trial.reason}" for trial in trials if trial.reason]
    title = f"sweep {sweep.name}, validation images, in percent"
    return Sheet(title, columns, tuple(rows), tuple(failures))


def short_names(names: Sequence[str]) -> list[str]:
    """Return the last parts of names, as many as it takes to tell them apart.

    Example:
        >>> short_names(["model.optimizer.lr", "model.loss.margin", "data.size", "other.size"])
        ['lr', 'margin', 'data.size', 'other.size']
    """
    short = []
    for name in names:
        parts = name.split(".")
        tails = [".".join(parts[start:]) for start in reversed(range(len(parts)))]
        others = [f".{other}" for other in names if other != name]
        unique = (tail for tail in tails if not any(o.endswith(f".{tail}") for o in others))
        short.append(next(unique, name))
    return short


def _run_name(trial: Trial, folder: Path) -> str:
    return "" if trial.run is None else os.path.relpath(trial.run, folder)


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
