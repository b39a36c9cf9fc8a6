"""Trials of a sweep in order, best first: as CSV, as Markdown and on the terminal."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from m3net.base.escaping import csv_cell
from m3net.reports.sheets import Sheet
from m3net.workflows.studies.sweep.file import METRIC
from m3net.workflows.studies.sweep.sweep_session import Trial


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """Return trials, best first, ties by number; failed ones come last.

    Example:
        >>> trials = [Trial(0, {}), Trial(1, {}, score=0.5), Trial(2, {}, score=0.6)]
        >>> [trial.number for trial in ranked(trials)]
        [2, 1, 0]
    """
    return sorted(trials, key=lambda own: (own.score is None, -(own.score or 0.0), own.number))


def write_ranking(trials: Sequence[Trial], title: str, names: Sequence[str], folder: Path) -> None:
    """Write ranking.csv, with scores in [0, 1], and ranking.md.

    Args:
        trials: In order.
        title: Of the table.
        names: Of the hyper-parameters.
        folder: Exists; run folders are named from it.
    """
    part = folder / "ranking.part"
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(map(csv_cell, [METRIC, "trial", *names, "run", "status"]))
        for trial in trials:
            values = [trial.values[name] for name in names]
            status = f"failed: {trial.reason}" if trial.reason else "done"
            row = [trial.score, trial.number, *values, _place(trial, folder), status]
            writer.writerow(map(csv_cell, row))
    part.replace(folder / "ranking.csv")
    part.write_text(ranking_sheet(trials, title, names, folder).markdown(), encoding="utf-8")
    part.replace(folder / "ranking.md")


def ranking_sheet(trials: Sequence[Trial], title: str, names: Sequence[str], folder: Path) -> Sheet:
    """Return the table.

    Args:
        trials: In order.
        title: Of the table.
        names: Of the hyper-parameters.
        folder: Run folders are named from it.
    """
    rows = [
        (
            "-" if trial.score is None else f"{100 * trial.score:.2f}",
            str(trial.number),
            *(_word(trial.values[name]) for name in names),
            _place(trial, folder) or "-",
            "failed" if trial.reason else "done",
        )
        for trial in trials
    ]
    columns = ("MAP@all", "trial", *short_names(names), "run", "status")
    failures = [f"trial {own.number} failed: {own.reason}" for own in trials if own.reason]
    return Sheet(title, columns, tuple(rows), tuple(failures))


def short_names(names: Sequence[str]) -> list[str]:
    """Return the last parts of names, as many as it takes to tell them apart.

    Example:
        >>> short_names(["model.optimizer.lr", "model.loss.margin", "data.size", "other.size"])
        ['lr', 'margin', 'data.size', 'other.size']
    """
    found = []
    for name in names:
        parts = name.split(".")
        tails = [".".join(parts[start:]) for start in reversed(range(len(parts)))]
        others = [f".{other}" for other in names if other != name]
        unique = (tail for tail in tails if not any(o.endswith(f".{tail}") for o in others))
        found.append(next(unique, name))
    return found


def _place(trial: Trial, folder: Path) -> str:
    return "" if trial.run is None else os.path.relpath(trial.run, folder)


def _word(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
