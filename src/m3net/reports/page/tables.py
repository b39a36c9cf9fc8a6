"""The tables of a page: scores, the published ones beside them, and several runs side by side."""

import math
import re
from collections.abc import Mapping

import pandas as pd

from m3net.metrics.scores import COUNTS, OVERALL_BY_ATTRIBUTES, OVERALL_BY_QUERIES
from m3net.reports.sheets import Sheet

_TITLES = {
    r"map_all": "MAP@all",
    r"r_precision": "R-precision",
    r"map_(\d+)": r"MAP@\1",
    r"map_(\d+)_by_min": r"MAP@\1 by min",
    r"recall_(\d+)": r"Recall@\1",
    r"hit_rate_(\d+)": r"hit rate@\1",
    r"precision_(\d+)": r"precision@\1",
}
_MISSING = "-"
_WHERE = "MAP@all where nothing else is said"


def metric_title(name: str) -> str:
    """Give what a metric is called where people read.

    Example:
        >>> metric_title("map_100_by_min"), metric_title("recall_10")
        ('MAP@100 by min', 'Recall@10')
    """
    for pattern, title in _TITLES.items():
        if found := re.fullmatch(pattern, name):
            return found.expand(title)
    return name


def score_sheet(table: pd.DataFrame, fate: str) -> Sheet:
    """Give all scores of a test, in percent.

    Args:
        table: As scores.csv holds them; the last two rows are the overall rows.
        fate: What a query with nothing to find does, "zero" or "skip".
    """
    metrics = [str(name) for name in table if name not in ("attribute", "protocol", *COUNTS)]
    rows = tuple(
        (
            row["attribute"],
            *(_percent(row[name]) for name in metrics),
            *(f"{row[name]:,}" for name in COUNTS),
        )
        for row in table.to_dict("records")
    )
    words = {"zero": "scores 0 and counts", "skip": "is left out of all means"}
    return Sheet(
        title=f"Scores on the test split, protocol {table['protocol'].iloc[0]}, in percent",
        columns=("attribute", *map(metric_title, metrics), "queries", "gallery", "nothing to find"),
        rows=rows,
        notes=(f"A query with nothing to find {words[fate]}.",),
    )


def published_sheet(table: pd.DataFrame, published: pd.DataFrame) -> Sheet:
    """Give the scores that were published too, with the published ones beside them.

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
            _row_name(*cell),
            _percent(_look_up(mine, *cell)),
            *(_percent(float(theirs.get((*cell, system), math.nan))) for system in systems),
        )
        for cell in cells
    )
    return Sheet(
        title=f"Beside the published numbers, in percent, {_WHERE}",
        columns=("attribute", "this run", *(f"paper: {name}" for name in systems)),
        rows=rows,
        notes=(
            "Published: tables of Jiao et al., CVPR 2023, made with the authors' code and training."
            " Queries and galleries here are those of the published index files.",
        ),
    )


def beside_sheet(tables: Mapping[str, pd.DataFrame]) -> Sheet:
    """Give runs side by side, each with its difference to the first.

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
        own, *values = (_look_up(table, *cell) for table in indexed)
        pairs = [(_percent(value), _difference(value - own)) for value in values]
        rows.append((_row_name(*cell), _percent(own), *(text for pair in pairs for text in pair)))
    return Sheet(f"Scores side by side, in percent, {_WHERE}", tuple(columns), tuple(rows))


def shared_metrics(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """Give MAP@all, and MAP and recall at the highest cutoff that all tables have.

    Example:
        >>> one = pd.DataFrame(columns=["map_all", "map_10", "recall_10", "map_100", "recall_100"])
        >>> shared_metrics({"a": one, "b": one[["map_all", "map_10", "recall_10"]]})
        ['map_all', 'map_10', 'recall_10']
    """
    shared = set.intersection(*({*table.columns} for table in tables.values()))
    cutoffs = [int(found[1]) for name in shared if (found := re.fullmatch(r"map_(\d+)", name))]
    best = max(cutoffs, default=0)
    return ["map_all", *([f"map_{best}", f"recall_{best}"] if best else [])]


def _look_up(table: pd.DataFrame, attribute: str, metric: str) -> float:
    """Give a score from a table by attribute; NaN where it has none."""
    if metric not in table:
        return math.nan
    return float(table[metric].astype(float).to_dict().get(attribute, math.nan))


def _row_name(attribute: str, metric: str) -> str:
    return attribute if metric == "map_all" else f"{attribute}, {metric_title(metric)}"


def _percent(value: float) -> str:
    return _MISSING if math.isnan(value) else f"{100 * value:.2f}"


def _difference(value: float) -> str:
    return _MISSING if math.isnan(value) else f"{100 * value:+.2f}"
