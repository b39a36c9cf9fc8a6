"""The scores of a test, and the published ones beside them."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from m3net.metrics.scores import COUNTS
from m3net.reports.formatting import metric_title, percent
from m3net.reports.published_numbers import published_scores
from m3net.reports.sheets import Sheet

_NEEDED: dict[str, tuple[str, dict[str, Any]]] = {
    "FashionAIDataModule": ("fashionai", {"layout": "index", "published": True}),
    "DARNDataModule": ("darn", {"missing": "error", "published": True}),
    "DeepFashionDataModule": (
        "deepfashion",
        {"layout": "index", "published": True, "protocol": "multi"},
    ),
}
"""For each data set with published numbers its name, and the settings that they were made with."""
MAP_ALL = "MAP@all where nothing else is said"


def collect_scores(
    table: pd.DataFrame, without_relevant: str, data: Mapping[str, Any], is_whole: bool
) -> list[Sheet]:
    """Return the table of scores; where published numbers compare, a second one with both.

    Args:
        table: As scores.csv holds them.
        without_relevant: What a query with nothing to find does, "zero" or "skip".
        data: Settings of the data: "class_path" and "init_args".
        is_whole: Whether all batches of the split were evaluated.
    """
    name, note = published_name(data)
    if not is_whole:
        name, note = "", "Batches were limited: these are scores of a part of the split."
    sheets = [score_sheet(table, without_relevant, note)]
    return [*sheets, published_sheet(table, published_scores(name))] if name else sheets


def score_sheet(table: pd.DataFrame, without_relevant: str, note: str = "") -> Sheet:
    """Return all scores of a test, in percent.

    Args:
        table: As scores.csv holds them; the last two rows are the overall rows.
        without_relevant: What a query with nothing to find does, "zero" or "skip".
        note: A sentence below the table.
    """
    metrics = [str(name) for name in table if name not in ("attribute", "protocol", *COUNTS)]
    rows = tuple(
        (
            row["attribute"],
            *(percent(row[name]) for name in metrics),
            *(f"{row[name]:,}" for name in COUNTS),
        )
        for row in table.to_dict("records")
    )
    effect = {"zero": "scores 0 and counts", "skip": "is left out of all means"}
    return Sheet(
        title=f"Scores on the test split, protocol {table['protocol'].iloc[0]}, in percent",
        columns=("attribute", *map(metric_title, metrics), "queries", "gallery", "nothing to find"),
        rows=rows,
        notes=(
            f"A query with nothing to find {effect[without_relevant]}.",
            *([note] if note else []),
        ),
    )


def published_sheet(table: pd.DataFrame, published: pd.DataFrame) -> Sheet:
    """Return the scores that were published too, with the published ones beside them.

    Args:
        table: As scores.csv holds them.
        published: As `published_scores` gives them.
    """
    mine = table.set_index("attribute")
    systems = list(dict.fromkeys(published["system"]))
    theirs = published.set_index(["attribute", "metric", "system"])["value"]
    cells = list(dict.fromkeys(zip(published["attribute"], published["metric"], strict=True)))
    rows = tuple(
        (
            row_name(*cell),
            percent(look_up(mine, *cell)),
            *(percent(float(theirs.get((*cell, system), math.nan))) for system in systems),
        )
        for cell in cells
    )
    return Sheet(
        title=f"Beside the published numbers, in percent, {MAP_ALL}",
        columns=("attribute", "this run", *(f"paper: {name}" for name in systems)),
        rows=rows,
        notes=(
            "Published: tables of Jiao et al., CVPR 2023, made with the authors' code and training."
            " Queries and galleries here are those of the published index files.",
        ),
    )


def published_name(data: Mapping[str, Any]) -> tuple[str, str]:
    """Return the data set whose published numbers compare, or why they do not.

    Args:
        data: Settings of the data: "class_path" and "init_args".

    Returns:
        Its name, and a sentence; both empty where nothing was published.

    Example:
        >>> published_name({"class_path": "m3net.SyntheticDataModule"})
        ('', '')
        >>> own = {"layout": "index", "published": True, "protocol": "single"}
        >>> published_name({"class_path": "DeepFashionDataModule", "init_args": own})[1]
        "The published numbers are not shown, since they do not compare: data.protocol is 'single',
        and they were made with 'multi'."
    """
    kind = str(data["class_path"]).rsplit(".", 1)[-1]
    if kind not in _NEEDED:
        return "", ""
    name, needed = _NEEDED[kind]
    given = data.get("init_args", {})
    for setting, value in needed.items():
        if given.get(setting) != value:
            return "", (
                "The published numbers are not shown, since they do not compare: "
                f"data.{setting} is {given.get(setting)!r}, and they were made with {value!r}."
            )
    return name, ""


def look_up(table: pd.DataFrame, attribute: str, metric: str) -> float:
    """Return a score from a table indexed by attribute; NaN where it has none."""
    if metric not in table:
        return math.nan
    return float(table[metric].astype(float).to_dict().get(attribute, math.nan))


def row_name(attribute: str, metric: str) -> str:
    """Return the name of a row: the attribute, and the metric if it is not MAP@all."""
    return attribute if metric == "map_all" else f"{attribute}, {metric_title(metric)}"
