"""Contents and difficulty of a data set, as a table, as CSV and as a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from rich.table import Table

from m3net.base.files import replacing
from m3net.base.protocol import Protocol
from m3net.data.attribute_counts import AttributeCounts
from m3net.data.records import SplitName
from m3net.errors import printable
from m3net.metrics.random_baseline import chance_average_precision, recall_ceiling
from m3net.metrics.scores import OVERALL_BY_QUERIES
from m3net.reports.formatting import number_table, percent, write_csv

NAMED = 12
"""Most classes of an attribute that the picture names."""
_BAR, _GRID = "#4a6fa5", "#dddddd"


@dataclass(frozen=True)
class StatisticsRow:
    """One attribute of one split, or all of them together; a row of stats.csv."""

    split: str
    attribute: str
    """Name of the attribute, or `OVERALL_BY_QUERIES`."""
    num_classes: int
    num_classes_present: int
    """Classes that an image of the split carries."""
    num_images: int
    """Images annotated for the attribute; overall, (image, attribute) pairs."""
    rarest: int
    """Images of the rarest class that is present."""
    median: float
    """Images of the median class that is present."""
    commonest: int
    """Images of the commonest class."""
    labels_per_image: float
    """Mean number of classes on an annotated image."""
    num_queries: int
    num_gallery: int
    num_without_relevant: int
    """Queries without relevant images; they score 0 and count."""
    chance_map: float | None
    """Expected MAP@all of a random order, in [0, 1]; None without queries."""
    recall_100_ceiling: float | None
    """Highest possible Recall@100, in [0, 1]; None without queries."""


def summarize(split: str, counts: Sequence[AttributeCounts]) -> list[StatisticsRow]:
    """Return one row per attribute, then one for all of them, with means over queries."""
    whole = AttributeCounts(
        name=OVERALL_BY_QUERIES,
        classes=tuple(name for each in counts for name in each.classes),
        num_images=sum(each.num_images for each in counts),
        images_per_class=np.concatenate([each.images_per_class for each in counts]),
        labels_per_image=np.concatenate([each.labels_per_image for each in counts]),
        num_gallery=sum(each.num_gallery for each in counts),
        relevant=np.concatenate([each.relevant for each in counts]),
        found_among=np.concatenate([each.found_among for each in counts]),
    )
    return [_row(split, each) for each in (*counts, whole)]


def _row(split: str, counts: AttributeCounts) -> StatisticsRow:
    present = counts.images_per_class[counts.images_per_class > 0]
    chance = chance_average_precision(counts.relevant, counts.found_among)
    ceiling = recall_ceiling(counts.relevant)
    has_queries = counts.num_queries > 0
    return StatisticsRow(
        split=split,
        attribute=counts.name,
        num_classes=len(counts.images_per_class),
        num_classes_present=len(present),
        num_images=counts.num_images,
        rarest=int(present.min()) if len(present) else 0,
        median=float(np.median(present)) if len(present) else 0.0,
        commonest=int(present.max(initial=0)),
        labels_per_image=float(counts.labels_per_image.mean()) if counts.num_images else 0.0,
        num_queries=counts.num_queries,
        num_gallery=counts.num_gallery,
        num_without_relevant=int((counts.relevant == 0).sum()),
        chance_map=float(chance.mean()) if has_queries else None,
        recall_100_ceiling=float(ceiling.mean()) if has_queries else None,
    )


def render_classes(rows: Sequence[StatisticsRow], title: str) -> Table:
    """Return the classes of the images of a split, counted by `summarize`, for the terminal."""
    cells = []
    for row in rows:
        present, size = row.num_classes_present, row.num_classes
        name = "all" if row.attribute == OVERALL_BY_QUERIES else row.attribute
        classes = f"{size}" if present == size else f"{present} of {size}"
        counts = (row.num_images, row.rarest, row.median, row.commonest)
        mean = f"{row.labels_per_image:.2f}"
        cells.append((name, classes, *(f"{count:,.0f}" for count in counts), mean))
    columns = ["attribute", "classes", "images", "rarest", "median", "commonest", "per image"]
    caption = "rarest, median, commonest: images of that class; per image: mean labels"
    return number_table(title, columns, cells, num_overall=1, caption=caption)


def render_bounds(rows: Sequence[StatisticsRow], title: str) -> Table:
    """Return the worst and best scores of a split's queries, in percent, for the terminal."""
    cells = []
    for row in rows:
        counts = (row.num_queries, row.num_gallery, row.num_without_relevant)
        shares = (row.chance_map, row.recall_100_ceiling)
        cells.append((row.attribute, *(f"{count:,}" for count in counts), *map(percent, shares)))
    columns = ["attribute", "queries", "gallery", "no match", "chance", "best R@100"]
    caption = "no match: score 0 and count; chance: MAP@all of a random order"
    return number_table(title, columns, cells, num_overall=1, caption=caption)


def write_statistics(rows: Sequence[StatisticsRow], protocol: Protocol, file: Path) -> None:
    """Write rows of any splits as CSV, unrounded, with the protocol in each row."""
    plain = [asdict(row) | {"protocol": protocol} for row in rows]
    write_csv(plain, list(plain[0]), file)


def draw_statistics(splits: Mapping[SplitName, Sequence[AttributeCounts]], file: Path) -> None:
    """Draw images per class as PNG: a row of panels for each attribute, a column for each split.

    At most `NAMED` classes are named; more are sorted by their numbers of images.

    Args:
        splits: The counts of each split that has images.
        file: The PNG to write.
    """
    by_attribute = list(zip(*splits.values(), strict=True))
    sizes = [len(counts[0].classes) for counts in by_attribute]
    heights = [0.6 + 0.16 * size if size <= NAMED else 1.6 for size in sizes]
    size = (1.2 + 3.2 * len(splits), sum(heights) + 0.3)
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    grid = figure.subplots(len(sizes), len(splits), squeeze=False, height_ratios=heights)
    for panels, counts in zip(grid, by_attribute, strict=True):
        is_named = len(counts[0].classes) <= NAMED
        for panel, split, count in zip(panels, splits, counts, strict=True):
            draw = _draw_named if is_named else _draw_ranked
            draw(panel, count)
            title = printable(f"{count.name}, {split}: {count.num_images:,} images")
            # A dollar sign in a name starts no formula.
            panel.set_title(title, fontsize=8, parse_math=False)
            panel.tick_params(labelsize=7, length=2)
            panel.set_axisbelow(True)
            panel.spines[["top", "right"]].set_visible(False)
        for panel in panels[1:] if is_named else ():
            panel.set_yticklabels([])
    with replacing(file) as part:
        figure.savefig(part, format="png")


def _draw_named(panel: Axes, counts: AttributeCounts) -> None:
    """Draw a horizontal bar for each class, in the order of the taxonomy."""
    rows = range(len(counts.classes))
    panel.barh(rows, counts.images_per_class, color=_BAR)
    panel.set_yticks(rows, [printable(name) for name in counts.classes], parse_math=False)
    panel.invert_yaxis()
    panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    panel.grid(axis="x", color=_GRID)


def _draw_ranked(panel: Axes, counts: AttributeCounts) -> None:
    """Draw a bar for each class, the commonest first, on a logarithmic scale that includes zero."""
    sizes = np.sort(counts.images_per_class)[::-1]
    panel.bar(np.arange(1, len(sizes) + 1), sizes, width=1.0, color=_BAR)
    panel.set_yscale("symlog", linthresh=1)
    panel.set_ylim(0, max(2, int(sizes.max(initial=1)) * 1.6))
    panel.set_xlim(0.5, len(sizes) + 0.5)
    panel.grid(axis="y", color=_GRID)
