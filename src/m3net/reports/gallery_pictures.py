"""Pictures of queries, their retrieved images, and which of these are relevant."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from m3net.base.files import make_folder, replacing
from m3net.errors import printable
from m3net.experiments.run import EvaluationFolder
from m3net.metrics.query_results import QueryResults
from m3net.reports.album import Album
from m3net.reports.answers import Answer, answer_of, best_first

QUERIES = 5
"""Queries in the picture of an attribute."""
_FRAMES = {True: ("#1b7837", "-"), False: ("#c51b2d", "--"), None: ("#333333", "-")}
"""Color and dashes of relevant images, other images and queries."""
# In points: a photo fits a square; names and ranks stand above it, classes below.
_SIDE, _ABOVE, _BELOW, _GAP = 84.0, 28.0, 14.0, 6.0

_LONGEST_NAME = 160
"""Bytes in a file name, which file systems limit to 255 with all that is added to it."""


def draw_galleries(
    results: Mapping[str, QueryResults], album: Album, folder: Path, queries: int = QUERIES
) -> list[Path]:
    """Draw a picture of each attribute that has queries, and one with the median query of each.

    Args:
        results: Of each attribute.
        album: Photos of the split.
        folder: Takes gallery.png and galleries/<attribute>.png.
        queries: In a picture, evenly from the best average precision to the worst.

    Returns:
        The pictures.
    """
    files = EvaluationFolder(folder)
    make_folder(files.galleries)
    drawn, median = [], []
    for attribute, ranked in results.items():
        order = best_first(ranked)
        if not len(order):
            continue
        chosen = order[np.linspace(0, len(order) - 1, min(queries, len(order)), dtype=int)]
        answers = [answer_of(attribute, ranked, row, album) for row in chosen.tolist()]
        drawn.append(files.galleries / f"{_file_name(attribute)}.png")
        draw_gallery(answers, album, drawn[-1])
        median.append(answer_of(attribute, ranked, int(order[len(order) // 2]), album))
    if median:
        drawn.append(files.gallery)
        draw_gallery(median, album, files.gallery)
    return drawn


def draw_gallery(answers: Sequence[Answer], album: Album, file: Path) -> None:
    """Draw one row per query; relevant images have solid green frames, others dashed red ones.

    Args:
        answers: At least one.
        album: Photos of the split.
        file: The PNG to write.
    """
    columns = 1 + max(len(answer.hits) for answer in answers)
    width = columns * (_SIDE + _GAP) + _GAP
    height = len(answers) * (_ABOVE + _SIDE + _BELOW) + _GAP
    figure = Figure(figsize=(width / 72, height / 72), dpi=110)
    # One panel for all photos is ten times as fast as one panel for each.
    page = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    page.set_axis_off()
    for line, answer in enumerate(answers):
        top = line * (_ABOVE + _SIDE + _BELOW) + _ABOVE
        photo_top = _draw_photo(page, album.pixels(answer.query), answer.asked, (_GAP, top))
        title = f"{printable(answer.attribute)}\nAP {100 * answer.average_precision:.0f} %"
        # A dollar sign in a name starts no formula.
        style: dict[str, Any] = {"fontsize": 8, "fontweight": "bold", "parse_math": False}
        page.text(_GAP, photo_top - 4, title, va="bottom", **style)
        for rank, hit in enumerate(answer.hits, start=1):
            left = _GAP + rank * (_SIDE + _GAP)
            caption = album.caption(hit.image, answer.attribute)
            pixels, corner = album.pixels(hit.image), (left, top)
            photo_top = _draw_photo(page, pixels, caption, corner, hit.is_relevant)
            style = {"fontsize": 7, "color": "#777777", "ha": "center", "va": "bottom"}
            page.text(left + _SIDE / 2, photo_top - 4, str(rank), **style)
    with replacing(file) as part:
        figure.savefig(part, format="png")


def _draw_photo(
    page: Axes,
    pixels: NDArray[np.uint8],
    caption: str,
    corner: tuple[float, float],
    is_relevant: bool | None = None,
) -> float:
    """Draw a framed photo in the middle of its square, above its caption; return its top edge."""
    shape = np.array(pixels.shape[:2])
    height, width = _SIDE * shape / shape.max()
    left, top = corner[0] + (_SIDE - width) / 2, corner[1] + (_SIDE - height) / 2
    page.imshow(pixels, extent=(left, left + width, top + height, top), aspect="auto")
    color, dashes = _FRAMES[is_relevant]
    frame = Rectangle((left, top), width, height, fill=False, edgecolor=color, linestyle=dashes)
    frame.set_linewidth(2.5)
    page.add_patch(frame)
    style: dict[str, Any] = {"fontsize": 7, "ha": "center", "va": "top", "parse_math": False}
    page.text(left + width / 2, top + height + 4, _shorten(printable(caption)), **style)
    return float(top)


def _shorten(caption: str, limit: int = 17) -> str:
    return caption if len(caption) <= limit else caption[: limit - 1] + "…"


def _file_name(attribute: str) -> str:
    """Return a unique file name for any attribute that every file system accepts."""
    name = "".join(letter if letter.isalnum() else quote(letter, safe="-_") for letter in attribute)
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    start = name.encode()[:_LONGEST_NAME].decode(errors="ignore")
    # No other name has a "=", which is quoted.
    return f"{start}={hashlib.sha256(attribute.encode(errors='surrogatepass')).hexdigest()[:16]}"
