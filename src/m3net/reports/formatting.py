"""Numbers, names and tables as terminal, Markdown, CSV and page show them."""

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.table import Table

from m3net.base.escaping import csv_cell

_TITLES = {
    r"map_all": "MAP@all",
    r"r_precision": "R-precision",
    r"map_(\d+)": r"MAP@\1",
    r"map_(\d+)_by_min": r"MAP@\1 by min",
    r"recall_(\d+)": r"Recall@\1",
    r"hit_rate_(\d+)": r"hit rate@\1",
    r"precision_(\d+)": r"precision@\1",
}


def percent(value: float | None, form: str = ".2f") -> str:
    """Return a share in [0, 1], or a difference of shares, in percent; "-" for NaN or None.

    Example:
        >>> percent(0.12345), percent(-0.1, "+.2f"), percent(None)
        ('12.35', '-10.00', '-')
    """
    return "-" if value is None or math.isnan(value) else f"{100 * value:{form}}"


def coarse_percent(share: float) -> str:
    """Return a share in whole percent, but never 0 for a share above zero.

    Example:
        >>> coarse_percent(0.126), coarse_percent(0.0), coarse_percent(0.001)
        ('13', '0', '<1')
    """
    return "<1" if 0 < share < 0.005 else f"{100 * share:.0f}"


def metric_title(name: str) -> str:
    """Return the title of a metric; a name that is not in `metric_names` is its own title.

    Example:
        >>> metric_title("map_100_by_min"), metric_title("recall_10")
        ('MAP@100 by min', 'Recall@10')
    """
    for pattern, title in _TITLES.items():
        if match := re.fullmatch(pattern, name):
            return match.expand(title)
    return name


def number_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    num_overall: int = 0,
    caption: str | None = None,
) -> Table:
    """Return a table for the terminal: names in the first column, numbers in the others.

    Args:
        title: Stands above the table.
        columns: Titles of the columns.
        rows: Cells, as many as columns.
        num_overall: Number of last rows, below a line, that sum up the others.
        caption: Stands below the table.
    """
    table = Table(title=title, title_justify="left", caption=caption)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    for index, row in enumerate(rows):
        if index == len(rows) - num_overall:
            table.add_section()
        table.add_row(*row)
    return table


def write_csv(rows: Iterable[Mapping[str, object]], columns: Sequence[str], file: Path) -> None:
    """Write rows as CSV, one at a time; no text in it is a formula to a spreadsheet."""
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, columns)
        writer.writeheader()
        writer.writerows({name: csv_cell(value) for name, value in row.items()} for row in rows)
