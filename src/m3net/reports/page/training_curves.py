"""From metrics.csv of one or more runs to charts."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from m3net.reports.page.curves import Series, draw_chart
from m3net.reports.page.run_files import RunFiles
from m3net.reports.page.tables import metric_title
from m3net.reports.page.values import Curves

_STEP = "step"
_LOSS = "train/"
_WHOLE = "train/loss"


def collect_curves(runs: Sequence[RunFiles]) -> Curves:
    """Give a chart for each loss term and each overall validation score.

    Args:
        runs: At least one.
    """
    names = [run.name for run in runs]
    notes = [
        f"{run.name} has no metrics.csv, so that no curve of it is shown: it was logged or trained "
        "elsewhere."
        for run in runs
        if run.curves is None
    ]
    tables = [_columns(run.curves) for run in runs]
    columns = list(dict.fromkeys(name for table in tables for name in table))
    charts = []
    for column in sorted(columns, key=_place):
        series = [
            Series(run, *table[column].to_numpy(float).T)
            for run, table in enumerate(tables)
            if column in table
        ]
        charts.append(draw_chart(_title(column), series, names))
    return Curves(charts, names, notes)


def _columns(table: pd.DataFrame | None) -> dict[str, pd.DataFrame]:
    """Give the finite rows of each column that becomes a chart."""
    if table is None:
        return {}
    chosen = [name for name in table.columns if name.startswith(_LOSS) or _is_score(name)]
    rows = {name: table[[_STEP, name]].replace([np.inf, -np.inf], np.nan) for name in chosen}
    finite = {name: own.dropna().sort_values(_STEP) for name, own in rows.items()}
    percent = {name: 100 if _is_score(name) else 1 for name in chosen}
    return {
        name: own.assign(**{name: own[name] * percent[name]})
        for name, own in finite.items()
        if len(own)
    }


def _is_score(column: str) -> bool:
    """Tell whether a column is MAP or recall over all queries, which has no attribute's name."""
    split, _, metric = column.partition("/")
    wanted = metric.startswith(("map_", "recall_")) and not metric.endswith(("_min", "_attribute"))
    return split == "val" and wanted and "/" not in metric


def _place(column: str) -> tuple[bool, bool]:
    """Order losses before scores, and in both the whole before its parts."""
    return not column.startswith(_LOSS), column not in (_WHOLE, "val/map_all")


def _title(column: str) -> str:
    split, _, name = column.partition("/")
    if split == "val":
        return f"validation {metric_title(name)}, percent"
    return "loss, all terms" if column == _WHOLE else f"loss, {name.replace('_', ' ')}"
