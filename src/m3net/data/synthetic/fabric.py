"""Cloth: a ground colour, a pattern and soft folds, as a sheet to cut garments from."""

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from m3net.data.synthetic.body import WAIST
from m3net.data.synthetic.canvas import Canvas, Points
from m3net.data.synthetic.garment import Colour, Piece
from m3net.data.synthetic.palette import blend

Cloth = NDArray[np.uint8]
"""(S, S, 3) uint8, RGB: of the size of the canvas, with the pattern where it will be worn."""

_REPEAT_PIXELS = 48
_REPEATS = 24
_FLOWER_REPEAT = 1.7
# Grey levels of a printed sheet: ground, half-tone, ink, accent; dyed by a look-up table.
_HALF_TONE, _INK, _ACCENT = 80, 160, 255


def weave(canvas: Canvas, piece: Piece, sides: Points, seed: int) -> Cloth:
    """Give a piece's cloth as (S, S, 3) uint8, pattern and folds in place.

    Args:
        canvas: Gives size and place.
        piece: Gives pattern, colours and repeat.
        sides: Outline of the piece, that it is darker along.
        seed: Of the folds.
    """
    bolt = replace(canvas, pixels=np.empty_like(canvas.pixels))
    if piece.pattern == "plain":
        bolt.flood(piece.tone)
    else:
        _print_on(bolt, piece)
    shade = _folds(canvas, sides, seed)
    return np.asarray(cv2.multiply(bolt.pixels, cv2.merge([shade] * 3), scale=1 / 255), np.uint8)


def _print_on(bolt: Canvas, piece: Piece) -> None:
    """Print a piece's pattern on a bolt of cloth, in place."""
    sheet = _sheet(piece.pattern)
    unit = piece.repeat / _REPEAT_PIXELS * (_FLOWER_REPEAT if piece.pattern == "floral" else 1)
    # The sheet's middle lies on the wearer's middle, at waist height.
    left, top = -unit * len(sheet) / 2, WAIST - unit * len(sheet) / 2
    lay_out = np.array([[unit, 0, left], [0, unit, top], [0, 0, 1]])
    printed = cv2.warpAffine(sheet, bolt.to_pixels @ lay_out, bolt.pixels.shape[1::-1])
    dyes = _dyes(piece.tone, piece.ink, piece.accent)
    cv2.LUT(cv2.merge([printed] * 3), dyes, dst=bolt.pixels)


def _dyes(tone: Colour, ink: Colour, accent: Colour) -> NDArray[np.uint8]:
    """Give the (1, 256, 3) uint8 table from grey levels of a sheet to colours."""
    levels = (0, _HALF_TONE, _INK, _ACCENT)
    colours = np.array([tone, blend(tone, ink, 0.5), ink, accent])
    table = [np.interp(np.arange(256), levels, channel) for channel in colours.T]
    return np.stack(table, axis=-1).round().astype(np.uint8)[None]


@lru_cache(maxsize=8)
def _sheet(pattern: str) -> NDArray[np.uint8]:
    """Give a printed sheet as (1152, 1152) uint8 grey levels."""
    tile = np.zeros((_REPEAT_PIXELS, _REPEAT_PIXELS), dtype=np.uint8)
    third = _REPEAT_PIXELS // 3
    if pattern == "horizontal_stripe":
        tile[:third] = _INK
    elif pattern == "vertical_stripe":
        tile[:, :third] = _INK
    elif pattern == "check":
        tile[:third] += _HALF_TONE
        tile[:, :third] += _HALF_TONE
    elif pattern == "dots":
        for middle in (12, 36):
            cv2.circle(tile, (middle, middle), 8, _INK, -1, cv2.LINE_AA)
    else:
        _flower(tile, 14, 15, 5.5)
        _flower(tile, 38, 37, 4)
    soft = cv2.blur(tile, (3, 3), borderType=cv2.BORDER_REPLICATE)
    sheet = np.tile(soft, (_REPEATS, _REPEATS)).astype(np.uint8)
    sheet.setflags(write=False)
    return sheet


def _flower(tile: NDArray[np.uint8], x: int, y: int, size: float) -> None:
    """Draw a flower with five petals and two leaves."""
    for angle in (0.9, 2.4):
        leaf = round(x + 2 * size * np.cos(angle)), round(y + 1.7 * size * np.sin(angle))
        cv2.circle(tile, leaf, round(0.6 * size), _HALF_TONE, -1, cv2.LINE_AA)
    for angle in np.arange(5) * 2 * np.pi / 5 - np.pi / 2:
        petal = round(x + 1.3 * size * np.cos(angle)), round(y + 1.3 * size * np.sin(angle))
        cv2.circle(tile, petal, round(0.9 * size), _INK, -1, cv2.LINE_AA)
    cv2.circle(tile, (x, y), round(0.8 * size), _ACCENT, -1, cv2.LINE_AA)


def _folds(canvas: Canvas, sides: Points, seed: int) -> NDArray[np.uint8]:
    """Give (S, S) uint8 shading: darker along the sides and in a few folds, else 255."""
    size = 64
    random = np.random.default_rng(seed)
    shade = np.full((size, size), 255, dtype=np.uint8)
    place = canvas.to_pixels * (size / len(canvas.pixels))
    small = Canvas(shade, place, canvas.scale * size / len(canvas.pixels))
    small.line(sides, (196, 0, 0), 0.1, closed=True)
    for x, y, lean in random.uniform((-0.3, 0.5, -0.25), (0.3, 2.2, 0.25), size=(5, 3)):
        small.line(np.array([[x, y], [x + lean, y + 0.45]]), (222, 0, 0), 0.05)
    soft = cv2.GaussianBlur(shade, (0, 0), 1.6)
    return np.asarray(cv2.resize(soft, canvas.pixels.shape[1::-1]), dtype=np.uint8)
