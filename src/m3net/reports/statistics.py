"""What a data set holds and how hard it is, as a table, as CSV and as a picture."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from rich.table import Table

from m3net.base.escaping import csv_cell
from m3net.base.files import replacing
from m3net.base.protocol import Protocol
from m3net.data.records import SplitName
from m3net.data.statistics import AttributeCounts
from m3net.errors import printable
from m3net.metrics.random_baseline import chance_average_precision, recall_ceiling
from m3net.metrics.scores import OVERALL_BY_QUERIES

NAMED = 12
"""Most classes of an attribute that the picture names."""
_BAR, _GRID = "#4a6fa5", "#dddddd"


@dataclass(frozen=True)
class StatisticsRow:
    """One attribute of one split, or all of them together.

    Attributes:
        split: Name of the split.
        attribute: Name of the attribute, or `OVERALL_BY_QUERIES`.
        num_classes: Classes that the taxonomy has.
        num_classes_present: Of these, the ones that an image of the split carries.
        num_images: Images annotated for the attribute; overall, (image, attribute) pairs.
        rarest: Images of the rarest class that is present.
        median: Images of the median class that is present.
        commonest: Images of the commonest class.
        labels_per_image: Mean number of classes on an annotated image.
        num_queries: What asks.
        num_gallery: Images that can be found.
        num_without_relevant: Queries that have nothing to find; they score 0 and count.
        chance_map: Expected MAP@all of a random order, in [0, 1]; None without queries.
        recall_100_ceiling: Highest possible Recall@100, in [0, 1]; None without queries.
    """

    split: str
    attribute: str
    num_classes: int
    num_classes_present: int
    num_images: int
    rarest: int
    median: float
    commonest: int
    labels_per_image: float
    num_queries: int
    num_gallery: int
    num_without_relevant: int
    chance_map: float | None
    recall_100_ceiling: float | None


def summarize(split: str, counts: Sequence[AttributeCounts]) -> list[StatisticsRow]:
    """Give one row per attribute, then one for all of them, means taken over queries."""
    whole = AttributeCounts(
        name=OVERALL_BY_QUERIES,
        classes=tuple(name for own in counts for name in own.classes),
        num_images=sum(own.num_images for own in counts),
        images_per_class=np.concatenate([own.images_per_class for own in counts]),
        labels_per_image=np.concatenate([own.labels_per_image for own in counts]),
        num_gallery=sum(own.num_gallery for own in counts),
        relevant=np.concatenate([own.relevant for own in counts]),
        found_among=np.concatenate([own.found_among for own in counts]),
    )
    return [_row(split, own) for own in (*counts, whole)]


def _row(split: str, counts: AttributeCounts) -> StatisticsRow:
    present = counts.images_per_class[counts.images_per_class > 0]
    chance = chance_average_precision(counts.relevant, counts.found_among)
    ceiling = recall_ceiling(counts.relevant)
    asked = counts.num_queries > 0
    return StatisticsRow(
        split=split,
        attribute=counts.name,
        num_classes=len(counts.images_per_class),
        num_classes_present=len(present),
        num_images=counts.num_images,
        rarest=int(present.min(initial=np.iinfo(np.int64).max)) if len(present) else 0,
        median=float(np.median(present)) if len(present) else 0.0,
        commonest=int(present.max(initial=0)),
        labels_per_image=float(counts.labels_per_image.mean()) if counts.num_images else 0.0,
        num_queries=counts.num_queries,
        num_gallery=counts.num_gallery,
        num_without_relevant=int((counts.relevant == 0).sum()),
        chance_map=float(chance.mean()) if asked else None,
        recall_100_ceiling=float(ceiling.mean()) if asked else None,
    )


def render_classes(rows: Sequence[StatisticsRow], title: str) -> Table:
    """Give the terminal table of what the images of a split carry.

    Args:
        rows: As `summarize` gives them.
        title: Stands above the table.
    """
    table = _table(title, ("classes", "images", "rarest", "median", "commonest", "per image"))
    table.caption = "rarest, median, commonest: images of that class; per image: mean labels"
    for row in rows:
        there, size = row.num_classes_present, row.num_classes
        _add(
            table,
            row,
            "all" if row.attribute == OVERALL_BY_QUERIES else row.attribute,
            f"{size}" if there == size else f"{there} of {size}",
            f"{row.num_images:,}",
            f"{row.rarest:,}",
            f"{row.median:,.0f}",
            f"{row.commonest:,}",
            f"{row.labels_per_image:.2f}",
        )
    return table


def render_bounds(rows: Sequence[StatisticsRow], title: str) -> Table:
    """Give the terminal table of what queries can find; chance and best in percent.

    Args:
        rows: As `summarize` gives them.
        title: Stands above the table.
    """
    table = _table(title, ("queries", "gallery", "no match", "chance", "best R@100"))
    table.caption = "no match: score 0 and count; chance: MAP@all of a random order"
    for row in rows:
        _add(
            table,
            row,
            row.attribute,
            f"{row.num_queries:,}",
            f"{row.num_gallery:,}",
            f"{row.num_without_relevant:,}",
            _percent(row.chance_map),
            _percent(row.recall_100_ceiling),
        )
    return table


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("attribute")
    for name in columns:
        table.add_column(name, justify="right")
    return table


def _add(table: Table, row: StatisticsRow, name: str, *cells: str) -> None:
    if row.attribute == OVERALL_BY_QUERIES:
        table.add_section()
    table.add_row(name, *cells)


def write_statistics(rows: Sequence[StatisticsRow], protocol: Protocol, file: Path) -> None:
    """Write all rows as CSV, unrounded.

    Args:
        rows: Of any splits.
        protocol: What a query is; stands in each row.
        file: In a folder that exists.
    """
    plain = [asdict(row) | {"protocol": protocol} for row in rows]
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(plain[0]))
        writer.writeheader()
        writer.writerows({key: csv_cell(value) for key, value in row.items()} for row in plain)


def draw_statistics(splits: Mapping[SplitName, Sequence[AttributeCounts]], file: Path) -> None:
    """Draw images per class: a line of panels for each attribute, a column for each split.

    Few classes are named; many stand in the order of their numbers of images.

    Args:
        splits: The counts of each split that has images.
        file: PNG.
    """
    lines = list(zip(*splits.values(), strict=True))
    sizes = [len(own[0].classes) for own in lines]
    heights = [0.6 + 0.16 * size if size <= NAMED else 1.6 for size in sizes]
    figure = Figure(
        figsize=(1.2 + 3.2 * len(splits), sum(heights) + 0.3), dpi=110, layout="constrained"
    )
    grid = figure.subplots(len(lines), len(splits), squeeze=False, height_ratios=heights)
    for panels, counts in zip(grid, lines, strict=True):
        for panel, split, own in zip(panels, splits, counts, strict=True):
            draw = _draw_named if len(own.classes) <= NAMED else _draw_ranked
            draw(panel, own)
            title = printable(f"{own.name}, {split}: {own.num_images:,} images")
            # Dollar signs in a name are no formula.
            panel.set_title(title, fontsize=8, parse_math=False)
            panel.tick_params(labelsize=7, length=2)
            panel.set_axisbelow(True)
            panel.spines[["top", "right"]].set_visible(False)
        for panel in panels[1:] if len(counts[0].classes) <= NAMED else ():
            panel.set_yticklabels([])
    with replacing(file) as part:
        figure.savefig(part, format="png")


def _draw_named(panel: Axes, counts: AttributeCounts) -> None:
    """Draw a bar from the left for each class, in the order of the taxonomy."""
    places = range(len(counts.classes))
    panel.barh(places, counts.images_per_class, color=_BAR)
    panel.set_yticks(places, [printable(name) for name in counts.classes], parse_math=False)
    panel.invert_yaxis()
    panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    panel.grid(axis="x", color=_GRID)


def _draw_ranked(panel: Axes, counts: AttributeCounts) -> None:
    """Draw a bar for each class, commonest first, on a logarithmic scale that knows zero."""
    sizes = np.sort(counts.images_per_class)[::-1]
    panel.bar(np.arange(1, len(sizes) + 1), sizes, width=1.0, color=_BAR)
    panel.set_yscale("symlog", linthresh=1)
    panel.set_ylim(0, max(2, int(sizes.max(initial=1)) * 1.6))
    panel.set_xlim(0.5, len(sizes) + 0.5)
    panel.grid(axis="y", color=_GRID)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"
