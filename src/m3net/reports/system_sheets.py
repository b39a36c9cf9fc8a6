"""Scores, gains and costs of systems, as tables in the form of the paper's and as bars.

A cell is the mean over the seeds and, from two seeds on, their sample standard deviation.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from m3net.base.files import replacing
from m3net.errors import printable
from m3net.metrics.scores import OVERALL_BY_QUERIES
from m3net.reports.formatting import metric_title, percent
from m3net.reports.sheets import Sheet
from m3net.reports.system_scores import FINEST, SystemScores

_OVERALL = ("map_all", "map_100", "recall_100")
_TITLES = [metric_title(name) for name in _OVERALL]
_SIDE_BY_SIDE = 9
"""Most attributes of one table, for a terminal of 100 columns."""
_WITHOUT_POSTERIORS = ("attribute",)
_GRID, _DARK = "#dddddd", "#222222"


def comparison_sheets(scores: SystemScores) -> list[Sheet]:
    """Return all tables: overall, by attribute, rankings, costs."""
    return [
        overall_sheet(scores),
        *attribute_sheets(scores),
        rankings_sheet(scores),
        costs_sheet(scores),
    ]


def overall_sheet(scores: SystemScores) -> Sheet:
    """Return the scores over all queries, and the gains over the baseline."""
    outline = scores.outline
    finest = [FINEST] if outline.focus else []
    gain = [] if outline.baseline is None else ["gain"]
    keys = [(OVERALL_BY_QUERIES, metric) for metric in _OVERALL]
    keys += [(name, "map_all") for name in finest]

    def last_cells(system: str, is_paper: bool) -> list[str]:
        gains = [_gain(scores, system, is_paper) for _ in gain]
        return [*gains, "" if is_paper else str(scores.num_seeds(system))]

    title = f"{outline.name}: test, protocol {scores.protocol}, over all queries, in percent"
    columns = ("system", *_TITLES, *finest, *gain, "seeds")
    return Sheet(title, columns, _rows(scores, keys, last_cells), tuple(_notes(scores)))


def attribute_sheets(scores: SystemScores) -> list[Sheet]:
    """Return MAP@all of each attribute, many attributes in several tables."""
    title = f"MAP@all by attribute, protocol {scores.protocol}, in percent"
    sheets = []
    for start in range(0, len(scores.attributes), _SIDE_BY_SIDE):
        names = scores.attributes[start : start + _SIDE_BY_SIDE]
        keys = [(name, "map_all") for name in (*names, OVERALL_BY_QUERIES)]
        sheets.append(Sheet(title, ("system", *names, "overall"), _rows(scores, keys)))
    return sheets


def _rows(
    scores: SystemScores,
    keys: Sequence[tuple[str, str]],
    last_cells: Callable[[str, bool], list[str]] = lambda *_: [],
) -> tuple[tuple[str, ...], ...]:
    """Return a row for each tested system and one for each published system.

    Args:
        scores: Of all systems.
        keys: Attribute and metric of each column.
        last_cells: Returns more cells for a system, and whether they are for the published one.
    """
    rows: list[tuple[str, ...]] = []
    for system in scores.outline.systems:
        if system in scores.systems:
            cells = [scores.cell(*scores.tested(system, *key)) for key in keys]
            rows.append((system, *cells, *last_cells(system, False)))
        published = [scores.paper(system, *key) for key in keys]
        if not all(map(math.isnan, published)):
            cells = [percent(value) for value in published]
            rows.append((f"{system} (paper)", *cells, *last_cells(system, True)))
    return tuple(rows)


def _gain(scores: SystemScores, system: str, is_paper: bool) -> str:
    """Return the gain over the baseline, tested over tested or published over published."""

    def score(name: str) -> float:
        key = (name, OVERALL_BY_QUERIES, "map_all")
        return scores.paper(*key) if is_paper else scores.mean(*scores.tested(*key))

    base = score(str(scores.outline.baseline))
    return "-" if math.isnan(base) else f"{relative_gain(score(system), base):+.1f} %"


def _notes(scores: SystemScores) -> list[str]:
    """Explain the numbers, and name what is missing."""
    outline = scores.outline
    notes = ["Mean and sample standard deviation (±) over seeds."]
    if outline.baseline is not None:
        notes.append(f"gain: of MAP@all over {outline.baseline}'s.")
    if outline.focus:
        notes.append(f"{FINEST}: mean MAP@all of {', '.join(outline.focus)}.")
    if outline.published is not None:
        notes.append("(paper): as published, by other code, training and hardware.")
    unknown = [name for name in scores.published_attributes if name not in scores.attributes]
    if unknown:
        notes.append(f"Published, but not in these annotations: {', '.join(unknown)}.")
    tested = scores.table[scores.table["split"] == "test"]
    has_score = tested["value"].notna().groupby(tested["attribute"]).any()
    silent = [name for name in scores.attributes if not has_score[name]]
    if silent:
        notes.append(f"No test image asks for, so that there is no score: {', '.join(silent)}.")
    return notes + [f"{system}: {why}" for system, why in outline.absent.items()]


def relative_gain(value: float, baseline: float) -> float:
    """Return by how many percent a value is above the baseline's.

    Example:
        >>> relative_gain(0.75, 0.60)
        25.0
    """
    return round(100 * (value - baseline) / baseline, 10)


def rankings_sheet(scores: SystemScores) -> Sheet:
    """Return the scores of each ranking, with class probabilities or without."""
    columns_of = [("val", "map_all"), *(("test", metric) for metric in _OVERALL)]
    rows: list[tuple[str, ...]] = []
    for system in scores.systems:
        best = scores.best_on_validation(system)
        roles = {"configured": scores.configured[system], "best on val": best}
        for ranking in scores.rankings(system):
            cells = [
                scores.cell(system, ranking, split, OVERALL_BY_QUERIES, metric)
                for split, metric in columns_of
            ]
            posteriors = "no" if ranking in _WITHOUT_POSTERIORS else "yes"
            role = ", ".join(name for name, holder in roles.items() if holder == ranking)
            rows.append((system, ranking, posteriors, *cells, role))
    tested = tuple(f"test {name}" for name in _TITLES)
    columns = ("system", "ranking", "posteriors", "val MAP@all", *tested, "role")
    notes = (
        "The other tables show the configured ranking, whatever it scores here.",
        "A ranking may be chosen by its validation score, never by that on test.",
    )
    title = "With and without posteriors: what the same weights are ranked by, in percent"
    return Sheet(title, columns, tuple(rows), notes)


def costs_sheet(scores: SystemScores) -> Sheet:
    """Return size, images seen, speed and time of the trainings, as means over seeds."""
    rows = []
    for system in scores.systems:
        key = (system, scores.configured[system], "train", "")
        rows.append(
            (
                system,
                f"{scores.mean(*key, 'parameters') / 1e6:.2f}",
                f"{scores.mean(*key, 'images'):,.0f}",
                f"{scores.mean(*key, 'steps'):,.0f}",
                f"{scores.mean(*key, 'images_per_second'):,.1f}",
                f"{scores.mean(*key, 'seconds') / 60:.1f}",
            )
        )
    columns = ("system", "parameters (M)", "images seen", "steps", "images/s", "minutes")
    notes = (
        "Parameters are those that are trained, of network and losses.",
        "images/s: of training steps alone; minutes: of the training with its validations.",
    )
    return Sheet("What it costs", columns, tuple(rows), notes)


def draw_bars(scores: SystemScores, file: Path) -> None:
    """Draw MAP@all over all queries and of each attribute as PNG, a bar for each tested system.

    Error bars are standard deviations, diamonds the paper's numbers.
    """
    keys = [(name, "map_all") for name in (OVERALL_BY_QUERIES, *scores.attributes)]
    groups, systems = ("overall", *scores.attributes), scores.systems
    # Bars stay wide enough to be seen, and few of them do not fill a page.
    inches = max(5.0, 1.2 + len(groups) * max(0.7, 0.15 * len(systems)))
    figure = Figure(figsize=(inches, 3.8), dpi=130, layout="constrained")
    panel = figure.subplots()
    colors = mpl.colormaps["viridis"](np.linspace(0.25, 0.95, len(systems)))
    width, has_marks = 0.84 / len(systems), False
    for index, (system, color) in enumerate(zip(systems, colors, strict=True)):
        x = np.arange(len(groups)) + (index - (len(systems) - 1) / 2) * width
        tested = [scores.tested(system, *key) for key in keys]
        means = 100 * np.array([scores.mean(*key) for key in tested])
        spreads = 100 * np.nan_to_num([scores.std(*key) for key in tested])
        paper = 100 * np.array([scores.paper(system, *key) for key in keys])
        panel.bar(x, np.nan_to_num(means), width * 0.94, color=color, label=printable(system))
        if spreads.any():
            style: dict[str, Any] = {"ecolor": _DARK, "elinewidth": 0.9, "capsize": 1.6}
            panel.errorbar(x, means, spreads, fmt="none", **style)
        if not np.isnan(paper).all():
            # The legend names the marks of all systems once; it leaves out "_".
            label = "_" if has_marks else "paper"
            panel.scatter(x, paper, 14, "white", marker="D", edgecolors=_DARK, label=label)
            has_marks = True
    names = [printable(name).replace(" (", "\n(") for name in groups]
    # A dollar sign in a name starts no formula.
    panel.set_xticks(range(len(groups)), names, parse_math=False)
    panel.tick_params(axis="x", labelsize=7, length=0, rotation=25 if len(groups) > 5 else 0)
    panel.tick_params(axis="y", labelsize=8)
    panel.set_ylabel("MAP@all in percent", fontsize=8)
    panel.set_axisbelow(True)
    panel.grid(axis="y", color=_GRID)
    panel.spines[["top", "right"]].set_visible(False)
    panel.set_ylim(0, None)
    panel.set_xlim(-0.6, len(groups) - 0.4)
    legend = figure.legend(
        loc="outside upper center", ncols=min(9, len(systems) + 1), fontsize=7, frameon=False
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    with replacing(file) as part:
        figure.savefig(part, format="png")
