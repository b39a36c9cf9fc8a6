"""Photos as part of a page: small JPEGs in data URIs."""

import base64
import io
import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from m3net.reports.page.values import Sprite

THUMBNAIL = 112
"""Longest side of a photo in pixels."""
TILE = 64
"""Height and width of a photo in a sprite in pixels."""
_QUALITY = 80


def shrink(pixels: NDArray[np.uint8], longest: int = THUMBNAIL) -> NDArray[np.uint8]:
    """Bring a photo's longest side down to a number of pixels; a small photo stays as it is.

    Example:
        >>> shrink(np.zeros((400, 200, 3), np.uint8), 100).shape
        (100, 50, 3)
        >>> shrink(np.zeros((1, 2000, 3), np.uint8), 100).shape
        (1, 100, 3)
    """
    height, width = pixels.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def data_uri(pixels: NDArray[np.uint8]) -> str:
    """Give (H, W, 3) uint8 RGB as the address of a JPEG that it holds itself."""
    memory = io.BytesIO()
    Image.fromarray(pixels).save(memory, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(memory.getvalue()).decode()


def make_sprite(photos: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> Sprite:
    """Lay photos side by side in one picture, each in the middle of a grey square.

    Args:
        photos: At least one, (H, W, 3) uint8 RGB of any size.
        names: Their paths.
    """
    columns = math.ceil(len(photos) ** 0.5)
    rows = math.ceil(len(photos) / columns)
    sheet = np.full((rows * TILE, columns * TILE, 3), 238, np.uint8)
    for place, photo in enumerate(photos):
        small = shrink(photo, TILE)
        height, width = small.shape[:2]
        top = place // columns * TILE + (TILE - height) // 2
        left = place % columns * TILE + (TILE - width) // 2
        sheet[top : top + height, left : left + width] = small
    return Sprite(data_uri(sheet), columns, rows, list(names))
