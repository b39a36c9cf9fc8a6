"""Attention as a picture: where the network looks for an attribute or a class."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from m3net.base.escaping import printable_lines
from m3net.base.files import replacing


@dataclass(frozen=True)
class AttentionRow:
    """One photo and where the network looks in it.

    Attributes:
        pixels: (H, W, 3) uint8 RGB, as the network sees it.
        maps: For each caption (h, w) float, non-negative attention.
    """

    pixels: NDArray[np.uint8]
    maps: dict[str, NDArray[np.float32]]


def draw_attention(rows: Sequence[AttentionRow], file: Path) -> None:
    """Draw one line per photo: the photo, then each map laid over it.

    Args:
        rows: At least one; all with as many maps as the first.
        file: The PNG to write.
    """
    columns = 1 + len(rows[0].maps)
    figure = Figure(figsize=(1.5 * columns, 1.75 * len(rows)), dpi=110)
    # Room for a line of text over each; to let matplotlib measure it takes longer than to draw.
    room = {"left": 0.01, "right": 0.99, "bottom": 0.02, "top": 1 - 0.13 / len(rows)}
    room |= {"wspace": 0.04, "hspace": 0.15}
    grid = figure.subplots(len(rows), columns, squeeze=False, gridspec_kw=room)
    for line, row in zip(grid, rows, strict=True):
        pictures = {"": row.pixels} | {k: overlay(row.pixels, m) for k, m in row.maps.items()}
        for axes, (caption, picture) in zip(line, pictures.items(), strict=True):
            axes.imshow(picture)
            axes.set_axis_off()
            axes.set_title(printable_lines(caption), fontsize=7, pad=2, parse_math=False)
    with replacing(file) as part:
        figure.savefig(part, format="png")


def overlay(pixels: NDArray[np.uint8], attention: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Lay a map over a photo: red where the network looks, the photo greyed elsewhere.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        attention: (h, w) float, scaled by its maximum.

    Returns:
        (H, W, 3) uint8 RGB.

    Example:
        >>> white = np.full((2, 2, 3), 255, np.uint8)
        >>> overlay(white, np.zeros((1, 1), np.float32))[0, 0]
        array([255, 255, 255], dtype=uint8)
    """
    height, width = pixels.shape[:2]
    heat = cv2.resize(attention, (width, height), interpolation=cv2.INTER_CUBIC)
    heat = np.clip(heat / max(float(heat.max()), 1e-12), 0, 1)[..., None]
    grey = pixels.mean(axis=2, keepdims=True) * 0.6 + pixels * 0.4
    red = np.array([230.0, 40.0, 30.0])
    blended: NDArray[np.float64] = grey * (1 - 0.65 * heat) + red * 0.65 * heat
    return blended.round().astype(np.uint8)
