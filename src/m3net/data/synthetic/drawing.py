"""From a garment to pixels: framing, drawing and the camera."""

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from m3net.data.synthetic.backdrop import draw_backdrop
from m3net.data.synthetic.canvas import Canvas
from m3net.data.synthetic.figure import draw_figure
from m3net.data.synthetic.garment import Garment, Kind, Scene
from m3net.errors import ConfigError

# What the picture shows from top to bottom, in body units down from the shoulders.
_FRAMES: dict[Kind, tuple[float, float]] = {
    "top": (-0.6, 1.5),
    "dress": (-0.52, 2.7),
    "skirt": (0.06, 2.72),
    "trousers": (0.16, 2.72),
}
_CLOSE_UPS: dict[Kind, tuple[float, float]] = {
    "top": (-0.5, 0.5),
    "dress": (-0.5, 1.2),
    "skirt": (0.3, 1.45),
    "trousers": (0.3, 1.3),
}
_MIN_SIZE, _MAX_SIZE = 32, 1024
_SUPERSAMPLING, _CANVAS_STEP = 2, 256
_PLATE = 320


def draw(garment: Garment, size: int) -> NDArray[np.uint8]:
    """Give the picture of a garment as (size, size, 3) uint8, RGB.

    The same garment looks the same at any size but for its sharpness.

    Args:
        garment: What to draw.
        size: Side in pixels, 32 .. 1024.

    Raises:
        ConfigError: The size is out of range.

    Example:
        >>> from m3net.data.synthetic.sampling import sample_garment
        >>> draw(sample_garment(seed=0, index=3), size=64).shape
        (64, 64, 3)
    """
    if not _MIN_SIZE <= size <= _MAX_SIZE:
        raise ConfigError(
            f"cannot draw a garment {size} pixels large: choose {_MIN_SIZE} to {_MAX_SIZE}."
        )
    # Lines are a whole number of pixels wide: few sizes of canvas keep them equal in all pictures.
    canvas = _frame(garment, _CANVAS_STEP * math.ceil(_SUPERSAMPLING * size / _CANVAS_STEP))
    draw_backdrop(canvas, garment.scene)
    draw_figure(canvas, garment)
    small = cv2.resize(canvas.pixels, (size, size), interpolation=cv2.INTER_AREA)
    return _photograph(np.asarray(small, np.uint8), garment.scene)


def _frame(garment: Garment, pixels: int) -> Canvas:
    """Give an empty canvas on which the wearer stands as the pose says."""
    pose = garment.pose
    frames = _CLOSE_UPS if garment.cover == "close_up" else _FRAMES
    top, bottom = frames[garment.piece.kind]
    scale = pose.zoom * pixels / (bottom - top)
    angle = np.deg2rad(pose.tilt)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * turn * (pose.build, 1)
    middle = pixels * (0.5 + np.array(pose.shift))
    offset = middle - linear @ (0, (top + bottom) / 2)
    to_pixels = np.column_stack([linear, offset])
    return Canvas(np.empty((pixels, pixels, 3), dtype=np.uint8), to_pixels, scale)


def _photograph(pixels: NDArray[np.uint8], scene: Scene) -> NDArray[np.uint8]:
    """Give the picture as a camera sees it: light, blur and noise added."""
    size = len(pixels)
    if scene.blur * size > 0.2:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), scene.blur * size), np.uint8)
    place = np.linspace(-0.08, 0.08, size, dtype=np.float32)
    light = 1 + scene.light[0] * place[None, :] + scene.light[1] * place[:, None]
    warmth = 0.02 * scene.warmth
    tinted = cv2.merge([light * (1 + warmth), light, light * (1 - warmth)])
    seen = cv2.multiply(pixels, tinted, dtype=cv2.CV_32F)
    seen = cv2.scaleAdd(_noise(size, scene.seed), scene.noise, seen)
    return np.asarray(cv2.convertScaleAbs(np.maximum(seen, 0)), np.uint8)


def _noise(size: int, seed: int) -> NDArray[np.float32]:
    """Give (size, size, 3) float32 standard normal noise, cut from one plate: that is fast."""
    plate = _plate(size + _PLATE)
    x, y = seed % _PLATE, seed // _PLATE % _PLATE
    return plate[y : y + size, x : x + size]


@lru_cache(maxsize=2)
def _plate(side: int) -> NDArray[np.float32]:
    """Give (side, side, 3) float32 standard normal noise."""
    return np.random.default_rng(side).standard_normal((side, side, 3), dtype=np.float32)
