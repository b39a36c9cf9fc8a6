"""Retrieval as a picture: a query, what came back, and what of it was right."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

_RIGHT, _WRONG, _QUERY = "#1b7837", "#c51b2d", "#333333"


@dataclass(frozen=True)
class Tile:
    """One photo of a gallery.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        caption: Its classes of the attribute; of a query that asks for one class, that class.
        relevant: Whether it is relevant to the query; None for the query itself.
    """

    pixels: NDArray[np.uint8]
    caption: str
    relevant: bool | None = None


@dataclass(frozen=True)
class GalleryRow:
    """A query under one attribute and its best gallery images.

    Attributes:
        attribute: Name of the attribute.
        average_precision: Of the query, over its whole gallery, in [0, 1].
        query: The query photo.
        results: Gallery photos from the best on.
    """

    attribute: str
    average_precision: float
    query: Tile
    results: Sequence[Tile]


def draw_gallery(rows: Sequence[GalleryRow], file: Path) -> None:
    """Draw one line per query: solid green frames are right, dashed red ones wrong.

    Args:
        rows: At least one.
        file: The PNG to write.
    """
    columns = 1 + max(len(row.results) for row in rows)
    figure = Figure(figsize=(1.25 * columns + 0.6, 1.62 * len(rows) + 0.35), dpi=110)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for line, row in zip(grid, rows, strict=True):
        _draw_tile(line[0], row.query)
        title = f"{row.attribute}\nAP {100 * row.average_precision:.0f} %"
        line[0].set_title(title, fontsize=8, loc="left", fontweight="bold", parse_math=False)
        for axes in line[1:]:
            axes.set_axis_off()
        for rank, (axes, tile) in enumerate(zip(line[1:], row.results, strict=False), start=1):
            axes.set_axis_on()
            _draw_tile(axes, tile)
            axes.set_title(str(rank), fontsize=7, color="#777777", pad=2)
    figure.tight_layout(pad=0.5, w_pad=0.4, h_pad=1.0)
    figure.savefig(file, bbox_inches="tight", pad_inches=0.05)


def _draw_tile(axes: Axes, tile: Tile) -> None:
    axes.imshow(tile.pixels)
    axes.set_xticks([])
    axes.set_yticks([])
    # Dollar signs in a name are no formula.
    axes.set_xlabel(_shorten(tile.caption), fontsize=7, labelpad=2, parse_math=False)
    color = _QUERY if tile.relevant is None else _RIGHT if tile.relevant else _WRONG
    for spine in axes.spines.values():
        spine.set(color=color, linewidth=2.5, linestyle="--" if tile.relevant is False else "-")


def _shorten(caption: str, limit: int = 17) -> str:
    return caption if len(caption) <= limit else caption[: limit - 1] + "…"
