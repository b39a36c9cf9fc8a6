"""Retrieval as a picture: a query, what came back, and what of it was right."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from m3net.base.files import replacing
from m3net.errors import printable

_RIGHT, _WRONG, _QUERY = "#1b7837", "#c51b2d", "#333333"
# In points: a photo fits a square; names and ranks stand above it, classes below.
_SIDE, _ABOVE, _BELOW, _GAP = 84.0, 28.0, 14.0, 6.0


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
    width = columns * (_SIDE + _GAP) + _GAP
    height = len(rows) * (_ABOVE + _SIDE + _BELOW) + _GAP
    figure = Figure(figsize=(width / 72, height / 72), dpi=110)
    # One panel for all photos: one for each takes matplotlib ten times as long.
    page = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    page.set_axis_off()
    for line, row in enumerate(rows):
        top = line * (_ABOVE + _SIDE + _BELOW) + _ABOVE
        photo_top = _draw_tile(page, row.query, _GAP, top)
        title = f"{printable(row.attribute)}\nAP {100 * row.average_precision:.0f} %"
        # Dollar signs in a name are no formula.
        style: dict[str, Any] = {"fontsize": 8, "fontweight": "bold", "parse_math": False}
        page.text(_GAP, photo_top - 4, title, va="bottom", **style)
        for rank, tile in enumerate(row.results, start=1):
            place = _GAP + rank * (_SIDE + _GAP)
            photo_top = _draw_tile(page, tile, place, top)
            middle, style = place + _SIDE / 2, {"fontsize": 7, "color": "#777777"}
            page.text(middle, photo_top - 4, str(rank), ha="center", va="bottom", **style)
    with replacing(file) as part:
        figure.savefig(part, format="png")


def _draw_tile(page: Axes, tile: Tile, left: float, top: float) -> float:
    """Draw a photo in the middle of its square, framed, over its caption; give its upper edge."""
    shape = np.array(tile.pixels.shape[:2])
    height, width = _SIDE * shape / shape.max()
    left, top = left + (_SIDE - width) / 2, top + (_SIDE - height) / 2
    extent = (left, left + width, top + height, top)
    page.imshow(tile.pixels, extent=extent, aspect="auto")
    color = _QUERY if tile.relevant is None else _RIGHT if tile.relevant else _WRONG
    style = "--" if tile.relevant is False else "-"
    frame = Rectangle(
        (left, top), width, height, fill=False, edgecolor=color, linewidth=2.5, linestyle=style
    )
    page.add_patch(frame)
    caption = _shorten(printable(tile.caption))
    page.text(
        *(left + width / 2, top + height + 4, caption),
        fontsize=7,
        ha="center",
        va="top",
        parse_math=False,
    )
    return top


def _shorten(caption: str, limit: int = 17) -> str:
    return caption if len(caption) <= limit else caption[: limit - 1] + "…"
