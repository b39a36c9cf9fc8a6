"""What systems score, gain and cost, as tables in the form of the paper's, and as bars.

A cell is the mean over the seeds and, from two seeds on, their sample standard deviation.
"""

import math
from collections.abc import Sequence

from m3net.metrics.scores import OVERALL_BY_QUERIES
from m3net.reports.formatting import metric_title, percent
from m3net.reports.sheets import Sheet
from m3net.reports.system_bars import BarSeries
from m3net.reports.system_scores import FINEST, SystemScores

_OVERALL = ("map_all", "map_100", "recall_100")
_TITLES = [metric_title(name) for name in _OVERALL]
_SIDE_BY_SIDE = 9
"""Most attributes of one table: what 100 columns of a terminal hold."""
_WITHOUT_POSTERIORS = ("attribute",)


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
    finest = (FINEST,) if outline.focus else ()
    gain = () if outline.baseline is None else ("gain",)
    of = [(OVERALL_BY_QUERIES, metric) for metric in _OVERALL]
    of += [(name, "map_all") for name in finest]
    rows: list[tuple[str, ...]] = []
    for system in outline.systems:
        if system in scores.systems:
            last = [_gain(scores, system)] if gain else []
            seeds = str(scores.num_seeds(system))
            rows.append((system, *_tested(scores, system, of), *last, seeds))
        if paper := _published(scores, system, of):
            last = [_gain(scores, system, paper=True)] if gain else []
            rows.append((f"{system} (paper)", *paper, *last, ""))
    title = f"{outline.name}: test, protocol {scores.protocol}, over all queries, in percent"
    columns = ("system", *_TITLES, *finest, *gain, "seeds")
    return Sheet(title, columns, tuple(rows), tuple(_notes(scores)))


def attribute_sheets(scores: SystemScores) -> list[Sheet]:
    """Return MAP@all of each attribute, many attributes in several tables."""
    names, sheets = scores.attributes, []
    for start in range(0, len(names), _SIDE_BY_SIDE):
        chunk = names[start : start + _SIDE_BY_SIDE]
        of = [(name, "map_all") for name in (*chunk, OVERALL_BY_QUERIES)]
        rows: list[tuple[str, ...]] = []
        for system in scores.outline.systems:
            if system in scores.systems:
                rows.append((system, *_tested(scores, system, of)))
            if paper := _published(scores, system, of):
                rows.append((f"{system} (paper)", *paper))
        title = f"MAP@all by attribute, protocol {scores.protocol}, in percent"
        sheets.append(Sheet(title, ("system", *chunk, "overall"), tuple(rows)))
    return sheets


def rankings_sheet(scores: SystemScores) -> Sheet:
    """Return the scores of each representation, with class probabilities or without."""
    places = [("val", "map_all"), *(("test", metric) for metric in _OVERALL)]
    rows: list[tuple[str, ...]] = []
    for system in scores.systems:
        best = scores.best_on_validation(system)
        for ranking in scores.rankings(system):
            marks = {"configured": scores.configured[system], "best on val": best}
            cells = [
                scores.cell(system, ranking, split, OVERALL_BY_QUERIES, metric)
                for split, metric in places
            ]
            kind = "no" if ranking in _WITHOUT_POSTERIORS else "yes"
            role = ", ".join(mark for mark, holder in marks.items() if holder == ranking)
            rows.append((system, ranking, kind, *cells, role))
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
    rows: list[tuple[str, ...]] = []
    for system in scores.systems:
        key = (system, scores.configured[system], "train", "")
        cells = (
            f"{scores.mean(*key, 'parameters') / 1e6:.2f}",
            f"{scores.mean(*key, 'images'):,.0f}",
            f"{scores.mean(*key, 'steps'):,.0f}",
            f"{scores.mean(*key, 'images_per_second'):,.1f}",
            f"{scores.mean(*key, 'seconds') / 60:.1f}",
        )
        rows.append((system, *cells))
    columns = ("system", "parameters (M)", "images seen", "steps", "images/s", "minutes")
    notes = (
        "Parameters are those that are trained, of network and losses.",
        "images/s: of training steps alone; minutes: of the training with its validations.",
    )
    return Sheet("What it costs", columns, tuple(rows), notes)


def comparison_bars(scores: SystemScores) -> tuple[list[BarSeries], tuple[str, ...]]:
    """Return MAP@all over all queries and of each attribute, for `draw_bars`."""
    of = (OVERALL_BY_QUERIES, *scores.attributes)
    series = []
    for system in scores.systems:
        keys = [(system, scores.configured[system], "test", name, "map_all") for name in of]
        means = [100 * scores.mean(*key) for key in keys]
        spreads = [100 * scores.std(*key) for key in keys]
        paper = [100 * scores.paper(system, name, "map_all") for name in of]
        series.append(BarSeries(system, means, spreads, paper))
    return series, ("overall", *scores.attributes)


def _tested(scores: SystemScores, system: str, of: Sequence[tuple[str, str]]) -> list[str]:
    own = scores.configured[system]
    return [scores.cell(system, own, "test", *place) for place in of]


def _published(scores: SystemScores, system: str, of: Sequence[tuple[str, str]]) -> list[str]:
    """Return the paper's cells; none for a system that it does not have."""
    values = [scores.paper(system, *place) for place in of]
    return [] if all(map(math.isnan, values)) else [percent(value) for value in values]


def _gain(scores: SystemScores, system: str, *, paper: bool = False) -> str:
    """Return the gain over the baseline, ours over ours and the paper's over the paper's."""

    def score(name: str) -> float:
        if paper:
            return scores.paper(name, OVERALL_BY_QUERIES, "map_all")
        own = scores.configured.get(name, "")
        return scores.mean(name, own, "test", OVERALL_BY_QUERIES, "map_all")

    base = score(str(scores.outline.baseline))
    return "-" if math.isnan(base) else f"{relative_gain(score(system), base):+.1f} %"


def _notes(scores: SystemScores) -> list[str]:
    """Return what the numbers are and what is missing."""
    outline = scores.outline
    notes = ["Mean and sample standard deviation (±) over seeds."]
    if outline.baseline is not None:
        notes.append(f"gain: of MAP@all over {outline.baseline}'s.")
    if outline.focus:
        notes.append(f"{FINEST}: mean MAP@all of {', '.join(outline.focus)}.")
    if outline.published is not None:
        notes.append("(paper): as published, by other code, training and hardware.")
    lost = [name for name in scores.published_attributes if name not in scores.attributes]
    if lost:
        notes.append(f"Published, but not in these annotations: {', '.join(lost)}.")
    table = scores.table
    silent = [
        name
        for name in scores.attributes
        if table.loc[(table["split"] == "test") & (table["attribute"] == name), "value"]
        .isna()
        .all()
    ]
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
