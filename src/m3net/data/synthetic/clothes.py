"""Pieces of clothing: how they are cut, printed and sewn."""

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from m3net.data.synthetic import canvas as on
from m3net.data.synthetic.canvas import EDGE, Canvas, Points, corners, mirror, smooth
from m3net.data.synthetic.garment import Piece

Cloth = NDArray[np.uint8]
"""(S, S, 3) uint8, RGB: as large as the canvas, printed and shaded where it is worn."""

WAIST, CROTCH, ANKLE = 0.8, 1.3, 2.42
BODY_SIDE = smooth((0.35, 0.3), (0.355, 0.42), (0.27, WAIST), (0.385, 1.16), (0.37, 1.5))
"""The right side of the wearer's body, to which all clothes are cut."""

# Lower end, down from the shoulders.
_HEMS = {"crop": 0.6, "hip": 1.2, "knee": 1.78, "midi": 2.1, "floor": 2.5}
_LEG_ENDS = {"shorts": 1.5, "bermuda": 1.8, "cropped": 2.12, "full": ANKLE + 0.04}
# Parts of the way from shoulder to wrist.
_SLEEVE_ENDS = {"cap": 0.17, "short": 0.36, "elbow": 0.55, "three_quarter": 0.77, "long": 0.99}
# From the middle of the neckline to its right end on the shoulder.
_NECKLINES: dict[str, Points] = {
    "round": smooth((0, 0.1), (0.12, 0.05), (0.175, -0.075)),
    "v": corners((0, 0.36), (0.155, -0.085)),
    "square": corners((0, 0.2), (0.21, 0.2), (0.225, -0.055)),
    "boat": smooth((0, 0.02), (0.2, 0.005), (0.34, -0.02)),
    "halter": smooth((0, 0.2), (0.06, 0.05), (0.095, -0.17)),
    "off_shoulder": smooth((0, 0.24), (0.22, 0.215), (0.4, 0.13)),
    "shirt": corners((0, 0.14), (0.13, -0.1)),
    "peter_pan": smooth((0, 0.0), (0.09, -0.03), (0.135, -0.1)),
    "stand": smooth((0, -0.05), (0.08, -0.07), (0.125, -0.11)),
    "shawl": corners((0, 0.55), (0.14, -0.09)),
}
# From the end of the neckline to the armpit.
_ARMHOLES: dict[str, Points] = {
    "off_shoulder": corners((0.37, 0.3)),
    "halter": smooth((0.13, -0.15), (0.2, 0.12), (0.35, 0.3)),
    "sleeveless": smooth((0.335, -0.02), (0.3, 0.14), (0.36, 0.32)),
    "sleeved": smooth((0.34, -0.02), (0.39, 0.06), (0.36, 0.32)),
}
_TILE = 48


def neckline(piece: Piece) -> Points:
    """Return the right half of the neckline of a top or dress, from its middle."""
    return _NECKLINES[piece.neckline or piece.collar or "round"]


def lower_end(piece: Piece) -> float:
    """Return the height of the lower end of a piece."""
    if piece.trouser_length is not None:
        return _LEG_ENDS[piece.trouser_length]
    return _HEMS[piece.hem_length or "hip"]


def sew(canvas: Canvas, piece: Piece) -> Cloth:
    """Draw a piece without its sleeves, collar and details; return its cloth."""
    whole = mirror(_cut(piece))
    edge = on.outline(piece.tone)
    cloth = _weave(canvas, piece, whole)
    canvas.lay(whole, cloth)
    canvas.line(whole, edge, closed=True)
    if piece.is_upper:
        canvas.line(mirror(neckline(piece)[::-1]), edge, 2 * EDGE)
    else:
        canvas.line(corners((-0.3, WAIST + 0.05), (0.3, WAIST + 0.05)), edge)
    if piece.kind == "trousers":
        canvas.line(corners((0, WAIST + 0.05), (0, CROTCH)), edge)
    return cloth


def sew_sleeve(canvas: Canvas, piece: Piece, arm: Points, cloth: Cloth) -> None:
    """Draw a sleeve along an arm (from shoulder to wrist), if the piece has sleeves."""
    if piece.sleeve_length in (None, "sleeveless"):
        return
    low = piece.neckline == "off_shoulder"
    along = np.linspace(0.1 if low else 0, _SLEEVE_ENDS[piece.sleeve_length], 10)
    way = np.linspace(0, 1, len(arm))
    middle = np.stack([np.interp(along, way, axis) for axis in arm.T], axis=1)
    widths = np.interp(along, (0, 0.2, 1), (0.115, 0.125, 0.08)) + 0.03 * piece.ease
    sleeve = on.ribbon(middle, widths)
    shoulder = on.ellipse(arm[0, 0], arm[0, 1], widths[0], widths[0])
    edge = on.outline(piece.tone)
    shapes = [sleeve] if low else [shoulder, sleeve]
    for shape in shapes:
        canvas.line(shape, edge, 2 * EDGE, closed=True)
    for shape in shapes:
        canvas.lay(shape, cloth)
    cuff = sleeve[len(middle) - 1 : len(middle) + 1]
    canvas.line(cuff, edge, 2 * EDGE)


def _cut(piece: Piece) -> Points:
    """Return the right half of a piece's outline, from its upper to its lower middle."""
    end = lower_end(piece)
    upper, lower = corners((0, WAIST)), corners((0, end + 0.03))
    if piece.is_upper:
        sleeve = "sleeveless" if piece.sleeve_length == "sleeveless" else "sleeved"
        armhole = _ARMHOLES.get(piece.neckline or "", _ARMHOLES[sleeve])
        upper = np.concatenate([neckline(piece), armhole])
    elif piece.kind == "trousers":
        inside = float(np.interp(end, (CROTCH, ANKLE), (0.02, 0.12 - 0.08 * piece.flare)))
        lower = corners((inside, end), (0.015, CROTCH))
    y = np.linspace(0.33 if piece.is_upper else WAIST, end, 14)
    side = np.stack([_half_widths(piece, y), y], axis=1)
    return np.concatenate([upper, side, lower])


def _half_widths(piece: Piece, y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return half the width of a piece at the heights of its side."""
    width = np.interp(y, BODY_SIDE[:, 1], BODY_SIDE[:, 0]) + 0.025
    if piece.kind == "top":
        width += (0.4 - width) * (0.25 + 0.6 * piece.ease)
    elif piece.kind == "trousers":
        width += (0.3 + 0.12 * piece.flare - width) * np.clip((y - 1.2) / (ANKLE - 1.2), 0, 1)
    else:
        below = np.maximum(0, y - WAIST)
        width += (0.05 + 0.3 * piece.flare) / max(1, below[-1]) * below
    return np.asarray(width)


def _weave(canvas: Canvas, piece: Piece, sides: Points) -> Cloth:
    """Return cloth with a piece's pattern and a shade along its sides."""
    bolt = replace(canvas, pixels=np.empty_like(canvas.pixels))
    bolt.flood(piece.tone)
    if piece.pattern != "plain":
        _print_on(bolt, piece)
    size = len(canvas.pixels) // 4
    blank = np.full((size, size), 255, dtype=np.uint8)
    shade = Canvas(blank, canvas.to_pixels / 4, canvas.scale / 4)
    shade.line(sides, (196, 0, 0), 0.1, closed=True)
    width = round(0.1 * shade.scale)
    soft = cv2.resize(cv2.blur(shade.pixels, (width, width)), bolt.pixels.shape[1::-1])
    return np.asarray(cv2.multiply(bolt.pixels, cv2.merge([soft] * 3), scale=1 / 255), np.uint8)


def _print_on(bolt: Canvas, piece: Piece) -> None:
    """Print a piece's pattern on a bolt of cloth."""
    dyes = np.array([piece.tone, on.blend(piece.tone, piece.ink, 0.5), piece.ink, piece.accent])
    tile = dyes[_tile(piece.pattern)].astype(np.uint8)
    # The sheet hangs centred on the waist, wide and long enough for a dress to the floor.
    sheet = np.tile(tile, (21, 13, 1))
    unit = piece.repeat / _TILE * (1.7 if piece.pattern == "floral" else 1)
    left, top = -unit * sheet.shape[1] / 2, WAIST - unit * sheet.shape[0] / 2
    to_pixels = bolt.to_pixels @ [[unit, 0, left], [0, unit, top], [0, 0, 1]]
    size = bolt.pixels.shape[1::-1]
    cv2.warpAffine(sheet, to_pixels, size, dst=bolt.pixels, flags=cv2.INTER_NEAREST)


@lru_cache(maxsize=8)
def _tile(pattern: str) -> NDArray[np.uint8]:
    """Return one repeat of a pattern: 0 ground, 1 half-tone, 2 ink, 3 accent."""
    tile = np.zeros((_TILE, _TILE), dtype=np.uint8)
    third = _TILE // 3
    if pattern == "horizontal_stripe":
        tile[:third] = 2
    elif pattern == "vertical_stripe":
        tile[:, :third] = 2
    elif pattern == "check":
        tile[:third] += 1
        tile[:, :third] += 1
    elif pattern == "dots":
        for middle in (12, 36):
            cv2.circle(tile, (middle, middle), 8, 2, -1)
    else:
        for middle, size in ((14, 5), (37, 4)):
            cv2.circle(tile, (middle + 2 * size, middle + size), size - 2, 1, -1)
            for x, y in on.ellipse(middle, middle, 1.4 * size, 1.4 * size)[::5]:
                cv2.circle(tile, (round(x), round(y)), size, 2, -1)
            cv2.circle(tile, (middle, middle), size - 1, 3, -1)
    return tile
