"""Collars, details and covers: what is sewn on a piece or worn over it."""

import numpy as np

from m3net.data.synthetic import canvas as on
from m3net.data.synthetic.canvas import Canvas, Colour, Points, corners, mirror, rectangle, smooth
from m3net.data.synthetic.clothes import CROTCH, WAIST, lower_end, neckline
from m3net.data.synthetic.garment import Cover, Piece

_GOLD = (236, 204, 108)
_LEATHER = on.colours("784828 2e282a e2dcd2")
# The right half of each collar.
_COLLARS: dict[str, Points] = {
    "shirt": corners((0, 0.13), (0.13, -0.17), (0.19, -0.1), (0.235, 0.1), (0.12, 0.2)),
    "peter_pan": smooth((0, 0), (0.13, -0.13), (0.24, -0.04), (0.23, 0.16), (0.08, 0.15), (0, 0)),
    "stand": corners((0, -0.04), (0.14, -0.075), (0.125, -0.25), (0, -0.21)),
    "shawl": smooth((0, 0.55), (0.12, -0.16), (0.18, -0.09), (0.27, 0.12), (0.2, 0.34), (0, 0.62)),
}
_POCKET = corners((-0.095, 0), (0.095, 0), (0.09, 0.19), (0, 0.225), (-0.09, 0.19))
_BOW_TAIL = corners((0, 0), (0.05, 0.25), (0.13, 0.22))
_BOW_LOOP = smooth((0, 0), (0.1, -0.1), (0.2, -0.06), (0.19, 0.08), (0, 0))
_SCARF = mirror(smooth((0, -0.24), (0.22, -0.2), (0.34, 0.02), (0.22, 0.26), (0, 0.34)))
_JACKET = np.concatenate(
    [
        smooth((0.17, -0.1), (0.36, -0.04), (0.53, 0.12), (0.62, 0.7), (0.66, 1.36)),
        corners((0.36, 1.4), (0.33, 0.5)),
    ]
)
_LAPEL = corners((0.16, -0.13), (0.3, 0.0), (0.4, 0.26), (0.33, 0.52))


def draw_collar(canvas: Canvas, piece: Piece) -> None:
    """Draw the collar of a piece, if it has one, in another shade than the cloth."""
    if piece.collar in _COLLARS:
        towards = (255, 255, 255) if on.brightness(piece.tone) < 150 else (90, 80, 90)
        canvas.pair(_COLLARS[piece.collar], on.blend(piece.tone, towards, 0.14))


def draw_detail(canvas: Canvas, piece: Piece, detail: str) -> None:
    """Draw one of the `details` of a piece."""
    bright = on.brightness(piece.tone)
    shaded = on.blend(piece.tone, on.outline(piece.tone), 0.24)
    start = max(0.16, float(neckline(piece)[0, 1])) if piece.is_upper else WAIST
    end = CROTCH - 0.03 if piece.kind == "trousers" else lower_end(piece)
    front = corners((0, start), (0, end))
    if detail == "buttons":
        canvas.shape(rectangle(-0.055, start, 0.055, end), shaded)
        for y in np.arange(start + 0.07, end - 0.02, 0.145):
            button = (252, 250, 244) if bright < 165 else (66, 52, 58)
            canvas.fill(on.ellipse(0, y, 0.036, 0.036), button)
    elif detail == "zip":
        tape, teeth = on.colours("c6c8ce 303038" if bright < 110 else "46464e ececf0")
        canvas.line(front, tape, 0.085)
        canvas.line(front, teeth, 0.028)
        canvas.shape(on.ellipse(0, start + 0.09, 0.04, 0.075), _GOLD)
    elif detail == "belt":
        leather = max(_LEATHER, key=lambda colour: abs(on.brightness(colour) - bright))
        canvas.shape(rectangle(-0.31, WAIST - 0.04, 0.31, WAIST + 0.06), leather)
        buckle = rectangle(-0.06, WAIST - 0.04, 0.06, WAIST + 0.06)
        canvas.line(buckle, _GOLD, 0.032, closed=True)
    elif detail == "bow":
        y = start if piece.is_upper else WAIST + 0.06
        for part in (_BOW_TAIL, _BOW_LOOP):
            canvas.pair(part + np.array([0, y]), piece.ink)
        canvas.shape(on.ellipse(0, y, 0.04, 0.045), piece.ink)
    elif detail == "pocket":
        for centre in [(0.19, 0.27)] if piece.kind == "top" else [(-0.22, 0.98), (0.22, 0.98)]:
            patch = _POCKET + np.array(centre)
            canvas.shape(patch, shaded)
            canvas.line(patch[:2] + np.array([0, 0.05]), on.outline(shaded))


def draw_cover(canvas: Canvas, cover: Cover, colour: Colour) -> None:
    """Draw what hides a part of the garment; a close-up hides it by its frame alone."""
    if cover == "scarf":
        canvas.pair(rectangle(0.01, 0.1, 0.19, 0.56), colour)
        canvas.shape(_SCARF, colour)
        canvas.line(smooth((-0.28, 0.06), (0, 0.2), (0.28, 0.06)), on.outline(colour))
    elif cover == "jacket":
        canvas.pair(_JACKET, colour)
        canvas.pair(_LAPEL, colour)
    elif cover == "bag":
        handle = mirror(smooth((0.2, 0.8), (0.14, 0.5), (0, 0.46)))
        canvas.line(handle, on.outline(colour), 0.035)
        canvas.shape(mirror(corners((0.36, 0.78), (0.4, 1.26))), colour)
        canvas.shape(rectangle(-0.06, 0.78, 0.06, 0.96), _GOLD)
