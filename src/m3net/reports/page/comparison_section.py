"""Runs side by side, and whether the scores of two runs are of the same queries and galleries."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from m3net.errors import ConfigError
from m3net.metrics.scores import OVERALL_BY_ATTRIBUTES, OVERALL_BY_QUERIES
from m3net.reports.formatting import percent
from m3net.reports.page.curve_section import Curves, collect_curves
from m3net.reports.page.run_files import RunFiles
from m3net.reports.page.score_section import MAP_ALL, look_up, row_name
from m3net.reports.sheets import Sheet

PLACES = ("root", "file", "annotations", "names_file")
"""Settings of the data that say where it lies."""
_HARMLESS = ("loading", "train_list")
"""Settings of the data that leave queries and galleries as they are."""
_KEY = ("attribute", "protocol", "num_queries", "num_gallery")


@dataclass(frozen=True)
class Comparison:
    """A run and others beside it."""

    sheets: Sequence[Sheet]
    curves: Curves
    notes: Sequence[str]
    """What is to be known of the comparison."""


def collect_comparison(
    run: RunFiles, scores: pd.DataFrame, data: Mapping[str, Any], others: Sequence[RunFiles]
) -> Comparison:
    """Return a run and others, at least one, side by side.

    Args:
        run: The run by its files.
        scores: Of its evaluation, as scores.csv holds them.
        data: Settings of its data.
        others: Runs whose data and scores compare.
    """
    runs = [run, *others]
    names = distinct_names(runs)
    tables = [scores, *(other.scores for other in others if other.scores is not None)]
    curves = collect_curves(runs)
    return Comparison(
        sheets=[beside_sheet(dict(zip(names, tables, strict=True)))],
        curves=Curves(curves.charts, names, curves.notes),
        notes=[note for other in others for note in check_data(data, other)],
    )


def distinct_names(runs: Sequence[RunFiles]) -> list[str]:
    """Return names that tell runs apart: experiment and number, else the whole path."""
    names = [run.name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.folder.resolve()) for run in runs]


def beside_sheet(tables: Mapping[str, pd.DataFrame]) -> Sheet:
    """Return runs side by side, each with its difference to the first.

    Args:
        tables: For each run its scores.csv, the first run first; all of the same attributes.
    """
    first, *others = tables
    columns = ["attribute", first, *(title for name in others for title in (name, "difference"))]
    indexed = [table.set_index("attribute") for table in tables.values()]
    summaries = (OVERALL_BY_QUERIES, OVERALL_BY_ATTRIBUTES)
    cells = [(str(name), "map_all") for name in indexed[0].index if name not in summaries]
    cells += [(OVERALL_BY_QUERIES, metric) for metric in shared_metrics(tables)]
    cells += [(OVERALL_BY_ATTRIBUTES, "map_all")]
    rows = []
    for cell in cells:
        own, *values = (look_up(table, *cell) for table in indexed)
        pairs = [(percent(value), percent(value - own, "+.2f")) for value in values]
        rows.append((row_name(*cell), percent(own), *(text for pair in pairs for text in pair)))
    return Sheet(f"Scores side by side, in percent, {MAP_ALL}", tuple(columns), tuple(rows))


def shared_metrics(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return MAP@all, and MAP and recall at the highest cutoff that all tables have.

    Example:
        >>> one = pd.DataFrame(columns=["map_all", "map_10", "recall_10", "map_100", "recall_100"])
        >>> shared_metrics({"a": one, "b": one[["map_all", "map_10", "recall_10"]]})
        ['map_all', 'map_10', 'recall_10']
    """
    shared = set.intersection(*({*table.columns} for table in tables.values()))
    cutoffs = [int(found[1]) for name in shared if (found := re.fullmatch(r"map_(\d+)", name))]
    best = max(cutoffs, default=0)
    return ["map_all", *([f"map_{best}", f"recall_{best}"] if best else [])]


def check_data(data: Mapping[str, Any], other: RunFiles) -> list[str]:
    """Check that a run was tested on the same data and split.

    Args:
        data: Settings of this evaluation's data: "class_path" and "init_args".
        other: The run that is to stand beside it.

    Returns:
        Sentences on what differs and may or may not matter.

    Raises:
        ConfigError: The settings of its data differ in what decides on queries and galleries.
    """
    theirs = (other.config or {})["data"]
    kinds = [str(own["class_path"]).rsplit(".", 1)[-1] for own in (data, theirs)]
    if kinds[0] != kinds[1]:
        raise _error(other, f"it was tested on data of {kinds[1]}, this run on {kinds[0]}")
    mine, given = (_plain(own.get("init_args", {})) for own in (data, theirs))
    differing = [
        name
        for name in sorted(mine.keys() | given.keys())
        if mine.get(name) != given.get(name) and name not in _HARMLESS
    ]
    for name in differing:
        if name not in PLACES:
            values = f"{given.get(name)!r} there and {mine.get(name)!r} here"
            raise _error(other, f"the setting data.{name} is {values}")
    return [
        f"{other.name} was tested on data at another place (data.{name} is "
        f"{given.get(name)!r} there and {mine.get(name)!r} here); that it is the same is not "
        "checked, beyond its numbers of queries and gallery images."
        for name in differing
    ]


def check_scores(scores: pd.DataFrame, without_relevant: str, other: RunFiles) -> None:
    """Check that scores are of the same protocol and numbers of images.

    Args:
        scores: Of this run, as scores.csv holds them.
        without_relevant: What a query with nothing to find does in this run's scores.
        other: A run that has been tested.

    Raises:
        ConfigError: They are not.
    """
    if other.scores is None or other.config is None:
        raise _error(other, "it has not been tested")
    protocols = [" and ".join(sorted({*own["protocol"]})) for own in (scores, other.scores)]
    if protocols[0] != protocols[1]:
        said = f"its protocol is {protocols[1]}, that of this run is {protocols[0]}"
        raise _error(other, said)
    mine, theirs = (_rows(own) for own in (scores, other.scores))
    if [row[0] for row in mine] != [row[0] for row in theirs]:
        raise _error(other, "its attributes are not those of this run")
    for own, their in zip(mine, theirs, strict=True):
        if own != their:
            raise _error(
                other,
                f"attribute {own[0]!r} has {their[2]:,} queries and {their[3]:,} gallery images "
                f"there, {own[2]:,} and {own[3]:,} here",
            )
    theirs_do = other.config["model"]["metrics"]["without_relevant"]
    if theirs_do != without_relevant:
        said = f"queries with nothing to find are treated by {theirs_do!r} there"
        raise _error(other, f"{said}, by {without_relevant!r} here")


def _rows(scores: pd.DataFrame) -> Sequence[tuple[Any, ...]]:
    return [tuple(row) for row in scores[list(_KEY)].itertuples(index=False, name=None)]


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as a file holds them: without tuples."""
    plain: dict[str, Any] = json.loads(json.dumps(settings, default=str))
    return plain


def _error(other: RunFiles, reason: str) -> ConfigError:
    return ConfigError(
        f"{other.folder} cannot stand beside this run, since their numbers do not compare: "
        f"{reason}. Leave it out, or test both on the same data by the same protocol."
    )
