"""The scores of a test, with published ones beside them."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from m3net.metrics.scores import COUNTS
from m3net.reports.formatting import metric_title, percent
from m3net.reports.published_numbers import published_scores
from m3net.reports.sheets import Sheet

_PUBLISHED_WITH: dict[str, tuple[str, dict[str, Any]]] = {
    "FashionAIDataModule": ("fashionai", {"layout": "index", "published": True}),
    "DARNDataModule": ("darn", {"missing": "error", "published": True}),
    "DeepFashionDataModule": (
        "deepfashion",
        {"layout": "index", "published": True, "protocol": "multi"},
    ),
}
"""The name of each data set with published numbers, and the settings of these numbers."""
MAP_ALL = "MAP@all unless stated otherwise"


def collect_scores(
    table: pd.DataFrame, without_relevant: str, data: Mapping[str, Any], is_whole: bool
) -> list[Sheet]:
    """Return the table of scores, and a second one with the published numbers if they compare.

    Args:
        table: In the form of scores.csv.
        without_relevant: How a query without relevant images scores, "zero" or "skip".
        data: Settings of the data: "class_path" and "init_args".
        is_whole: Whether all batches of the split were evaluated.
    """
    name, note = published_name(data)
    if not is_whole:
        name, note = "", "Batches were limited: these are scores of a part of the split."
    sheets = [score_sheet(table, without_relevant, note)]
    return [*sheets, published_sheet(table, published_scores(name))] if name else sheets


def score_sheet(table: pd.DataFrame, without_relevant: str, note: str = "") -> Sheet:
    """Return all scores of a test, in percent; see `collect_scores`."""
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
    notes = (f"A query with nothing to find {effect[without_relevant]}.", note)
    return Sheet(
        title=f"Scores on the test split, protocol {table['protocol'].iloc[0]}, in percent",
        columns=("attribute", *map(metric_title, metrics), "queries", "gallery", "nothing to find"),
        rows=rows,
        notes=tuple(filter(None, notes)),
    )


def published_sheet(table: pd.DataFrame, published: pd.DataFrame) -> Sheet:
    """Return the published scores, each beside that of this run.

    Args:
        table: In the form of scores.csv.
        published: From `published_scores`.
    """
    mine = table.set_index("attribute")
    theirs = published.pivot_table(
        "value", index=["attribute", "metric"], columns="system", sort=False
    )
    rows = tuple(
        (row_name(*key), percent(look_up(mine, *key)), *map(percent, values))
        for key, values in zip(theirs.index, theirs.to_numpy().tolist(), strict=True)
    )
    return Sheet(
        title=f"Beside the published numbers, in percent, {MAP_ALL}",
        columns=("attribute", "this run", *(f"paper: {name}" for name in theirs)),
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
        Its name, and a sentence; both empty for a data set without published numbers.

    Example:
        >>> published_name({"class_path": "m3net.SyntheticDataModule"})
        ('', '')
        >>> single = {"layout": "index", "published": True, "protocol": "single"}
        >>> published_name({"class_path": "DeepFashionDataModule", "init_args": single})[1]
        "The published numbers are not shown, since they do not compare: data.protocol is 'single',
        and they were made with 'multi'."
    """
    kind = str(data["class_path"]).rsplit(".", 1)[-1]
    name, needed = _PUBLISHED_WITH.get(kind, ("", {}))
    arguments = data.get("init_args", {})
    for setting, value in needed.items():
        if arguments.get(setting) != value:
            return "", (
                "The published numbers are not shown, since they do not compare: "
                f"data.{setting} is {arguments.get(setting)!r}, and they were made with {value!r}."
            )
    return name, ""


def look_up(table: pd.DataFrame, attribute: str, metric: str) -> float:
    """Return a score from a table indexed by attribute; NaN if it has none."""
    if metric not in table:
        return math.nan
    return float(table[metric].astype(float).to_dict().get(attribute, math.nan))


def row_name(attribute: str, metric: str) -> str:
    """Return the name of a row: the attribute, and the metric if it is not MAP@all."""
    return attribute if metric == "map_all" else f"{attribute}, {metric_title(metric)}"
