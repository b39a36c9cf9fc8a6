"""MAP@all of several systems as bars, attribute by attribute."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from m3net.base.files import replacing
from m3net.errors import printable

_GRID, _DARK = "#dddddd", "#222222"


@dataclass(frozen=True)
class BarSeries:
    """The bars of one system, a value for each group.

    Attributes:
        name: Of the system.
        means: In percent; NaN draws none.
        spreads: Half the length of the error bars, in percent; NaN draws none.
        published: A paper's values, marked in front of the bars; NaN marks none.
    """

    name: str
    means: Sequence[float]
    spreads: Sequence[float]
    published: Sequence[float]


def draw_bars(series: Sequence[BarSeries], groups: Sequence[str], label: str, file: Path) -> None:
    """Draw groups of bars, one of each system.

    Args:
        series: The systems.
        groups: Names of the groups.
        label: Of the axis of values.
        file: PNG.
    """
    width = 0.84 / len(series)
    # Bars stay wide enough to be seen, and few of them do not fill a page.
    inches = max(5.0, 1.2 + len(groups) * max(0.7, 0.15 * len(series)))
    figure = Figure(figsize=(inches, 3.8), dpi=130, layout="constrained")
    panel = figure.subplots()
    colors = mpl.colormaps["viridis"](np.linspace(0.25, 0.95, len(series)))
    marked = False
    for place, (own, color) in enumerate(zip(series, colors, strict=True)):
        at = np.arange(len(groups)) + (place - (len(series) - 1) / 2) * width
        panel.bar(
            at, np.nan_to_num(own.means), width * 0.94, color=color, label=printable(own.name)
        )
        seen = [0.0 if math.isnan(spread) else spread for spread in own.spreads]
        if any(seen):
            panel.errorbar(
                at, own.means, seen, ecolor=_DARK, elinewidth=0.9, capsize=1.6, fmt="none"
            )
        if not all(math.isnan(value) for value in own.published):
            # One entry of the legend is enough for the marks of all systems.
            style = "_" if marked else "paper"
            panel.scatter(at, own.published, 14, "white", marker="D", edgecolors=_DARK, label=style)
            marked = True
    names = [printable(name).replace(" (", "\n(") for name in groups]
    # Dollar signs in a name are no formula.
    panel.set_xticks(range(len(groups)), names, parse_math=False)
    panel.tick_params(axis="x", labelsize=7, length=0, rotation=25 if len(groups) > 5 else 0)
    panel.tick_params(axis="y", labelsize=8)
    panel.set_ylabel(label, fontsize=8)
    panel.set_axisbelow(True)
    panel.grid(axis="y", color=_GRID)
    panel.spines[["top", "right"]].set_visible(False)
    panel.set_ylim(0, None)
    panel.set_xlim(-0.6, len(groups) - 0.4)
    legend = figure.legend(
        loc="outside upper center", ncols=min(9, len(series) + 1), fontsize=7, frameon=False
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    with replacing(file) as part:
        figure.savefig(part, format="png")
