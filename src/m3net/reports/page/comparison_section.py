"""Runs side by side, if they were tested on the same queries and galleries."""

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
from m3net.reports.page.run_files import RunFiles, distinct_names
from m3net.reports.page.score_section import MAP_ALL, look_up, row_name
from m3net.reports.sheets import Sheet

_LOCATIONS = ("root", "file", "annotations", "names_file")
"""Settings of the data that are paths."""
_HARMLESS = ("loading", "train_list")
"""Settings of the data that leave queries and galleries as they are."""
_COUNTED = ["attribute", "num_queries", "num_gallery"]


@dataclass(frozen=True)
class Comparison:
    """A run and others beside it."""

    sheet: Sheet
    curves: Curves
    notes: Sequence[str]


def collect_comparison(
    run: RunFiles, scores: pd.DataFrame, data: Mapping[str, Any], others: Sequence[RunFiles]
) -> Comparison:
    """Return a run and others side by side.

    Args:
        run: The run that is tested now.
        scores: Its test scores, in the form of scores.csv.
        data: Settings of its data.
        others: At least one run that `check_data` and `check_scores` accept.
    """
    runs = [run, *others]
    tables = [scores, *(other.scores for other in others)]
    return Comparison(
        sheet=beside_sheet(dict(zip(distinct_names(runs), tables, strict=True))),
        curves=collect_curves(runs),
        notes=[note for other in others for note in check_data(data, other)],
    )


def beside_sheet(tables: Mapping[str, pd.DataFrame]) -> Sheet:
    """Return runs side by side, each with its difference to the first.

    Args:
        tables: The scores.csv of each run, the first run first; all with the same attributes.
    """
    first, *others = tables
    columns = ["attribute", first, *(title for name in others for title in (name, "difference"))]
    indexed = [table.set_index("attribute") for table in tables.values()]
    summaries = (OVERALL_BY_QUERIES, OVERALL_BY_ATTRIBUTES)
    keys = [(str(name), "map_all") for name in indexed[0].index if name not in summaries]
    keys += [(OVERALL_BY_QUERIES, metric) for metric in shared_metrics(tables)]
    keys += [(OVERALL_BY_ATTRIBUTES, "map_all")]
    rows = []
    for key in keys:
        base, *values = (look_up(table, *key) for table in indexed)
        row = [row_name(*key), percent(base)]
        for value in values:
            row += [percent(value), percent(value - base, "+.2f")]
        rows.append(tuple(row))
    return Sheet(f"Scores side by side, in percent, {MAP_ALL}", tuple(columns), tuple(rows))


def shared_metrics(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return MAP@all, and MAP and recall at the highest cutoff that all tables have.

    Example:
        >>> one = pd.DataFrame(columns=["map_all", "map_10", "recall_10", "map_100", "recall_100"])
        >>> shared_metrics({"a": one, "b": one[["map_all", "map_10", "recall_10"]]})
        ['map_all', 'map_10', 'recall_10']
    """
    shared = set.intersection(*({*table.columns} for table in tables.values()))
    cutoffs = [int(match[1]) for name in shared if (match := re.fullmatch(r"map_(\d+)", name))]
    if not cutoffs:
        return ["map_all"]
    return ["map_all", f"map_{max(cutoffs)}", f"recall_{max(cutoffs)}"]


def check_data(data: Mapping[str, Any], other: RunFiles) -> list[str]:
    """Check that a run was tested on the same data and split.

    Args:
        data: Settings of this test's data: "class_path" and "init_args".
        other: The run to show beside it.

    Returns:
        A sentence on each path that differs, behind which the data may be the same.

    Raises:
        ConfigError: Another setting differs that decides on queries and galleries.
    """
    (kind, mine), (other_kind, theirs) = map(_settings, (data, other.config["data"]))
    if kind != other_kind:
        raise _refusal(other, f"it was tested on data of {other_kind}, this run on {kind}")
    notes = []
    for name in sorted({*mine, *theirs} - {*_HARMLESS}):
        values = f"{theirs.get(name)!r} there and {mine.get(name)!r} here"
        if mine.get(name) == theirs.get(name):
            continue
        if name not in _LOCATIONS:
            raise _refusal(other, f"the setting data.{name} is {values}")
        notes.append(
            f"{other.name} was tested on data at another place (data.{name} is {values}); that it "
            "is the same is not checked, beyond its numbers of queries and gallery images."
        )
    return notes


def _settings(data: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the class of data and its arguments, with lists for tuples as in a file."""
    arguments = json.dumps(data.get("init_args", {}), default=str)
    return str(data["class_path"]).rsplit(".", 1)[-1], json.loads(arguments)


def check_scores(scores: pd.DataFrame, without_relevant: str, other: RunFiles) -> None:
    """Check that scores are of the same protocol and numbers of images.

    Args:
        scores: Of this run, in the form of scores.csv.
        without_relevant: How this run scores a query without relevant images.
        other: A tested run.

    Raises:
        ConfigError: The scores do not compare.
    """
    if missing := [name for name in _COUNTED if name not in other.scores]:
        raise _refusal(other, f"its scores.csv has no column {missing[0]}")
    mine, theirs = (" and ".join(sorted({*table["protocol"]})) for table in (scores, other.scores))
    if mine != theirs:
        raise _refusal(other, f"its protocol is {theirs}, that of this run is {mine}")
    rows, their_rows = (table[_COUNTED].to_numpy().tolist() for table in (scores, other.scores))
    if [row[0] for row in rows] != [row[0] for row in their_rows]:
        raise _refusal(other, "its attributes are not those of this run")
    for (name, *here), (_, *there) in zip(rows, their_rows, strict=True):
        if here != there:
            raise _refusal(
                other,
                f"attribute {name!r} has {there[0]:,} queries and {there[1]:,} gallery images "
                f"there, {here[0]:,} and {here[1]:,} here",
            )
    effect = other.config["model"]["metrics"]["without_relevant"]
    if effect != without_relevant:
        raise _refusal(
            other,
            f"queries with nothing to find are treated by {effect!r} there, by "
            f"{without_relevant!r} here",
        )


def _refusal(other: RunFiles, reason: str) -> ConfigError:
    return ConfigError(
        f"{other.folder} cannot stand beside this run, since their numbers do not compare: "
        f"{reason}. Leave it out, or test both on the same data by the same protocol."
    )
