"""Numbers, names and tables as people read them: one form for terminal, Markdown and page."""

import math
import re
from collections.abc import Sequence

from rich.table import Table

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
    """Return a share in percent; "-" for NaN or None.

    Args:
        value: In [0, 1], or a difference.
        form: Format of the number.

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
    """Return the title of a metric.

    Args:
        name: One of `metric_names`; any other name is its own title.

    Example:
        >>> metric_title("map_100_by_min"), metric_title("recall_10")
        ('MAP@100 by min', 'Recall@10')
    """
    for pattern, title in _TITLES.items():
        if match := re.fullmatch(pattern, name):
            return match.expand(title)
    return name


def number_table(title: str, columns: Sequence[str]) -> Table:
    """Return an empty terminal table: names in the first column, numbers in the others.

    Args:
        title: Stands above the table.
        columns: Titles of all columns.
    """
    table = Table(title=title, title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left")
    return table
