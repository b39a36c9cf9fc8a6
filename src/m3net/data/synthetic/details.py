"""Small things sewn on a garment: buttons, pockets, zips, belts and bows."""

from collections.abc import Callable

import numpy as np

from m3net.data.synthetic.body import CROTCH, WAIST, half_width
from m3net.data.synthetic.canvas import Canvas
from m3net.data.synthetic.curves import corners, ellipse, smooth
from m3net.data.synthetic.garment import Colour, Piece
from m3net.data.synthetic.palette import blend, brightness, leather, outline
from m3net.data.synthetic.tops import hem_height, neckline


def draw_details(canvas: Canvas, piece: Piece) -> None:
    """Draw all details of a piece."""
    for detail in piece.details:
        _DRAW[detail](canvas, piece)


def _front(piece: Piece) -> tuple[float, float]:
    """Give where the middle front of a piece begins and ends."""
    if piece.kind == "trousers":
        return WAIST, CROTCH - 0.03
    if piece.kind == "skirt":
        return WAIST, hem_height(piece)
    return max(0.16, float(neckline(piece)[0, 1])), hem_height(piece)


def _contrast(tone: Colour) -> Colour:
    """Give white on a dark or strong cloth, near black on a pale one."""
    return (252, 250, 244) if brightness(tone) < 165 else (66, 52, 58)


def _buttons(canvas: Canvas, piece: Piece) -> None:
    """Draw a button band down the front, with buttons."""
    start, end = _front(piece)
    band = blend(piece.tone, outline(piece.tone), 0.22)
    canvas.fill(corners((-0.055, start), (0.055, start), (0.055, end), (-0.055, end)), band)
    for x in (-0.055, 0.055):
        canvas.line(corners((x, start), (x, end)), outline(piece.tone))
    for y in np.arange(start + 0.07, end - 0.02, 0.145):
        canvas.disc((0, float(y)), 0.036, _contrast(piece.tone))


def _zip(canvas: Canvas, piece: Piece) -> None:
    """Draw a metal zip down the front."""
    start, end = _front(piece)
    tape, teeth = (70, 70, 78), (236, 236, 240)
    if brightness(piece.tone) < 110:
        tape, teeth = (198, 200, 206), (48, 48, 56)
    canvas.line(corners((0, start), (0, end)), tape, 0.085)
    canvas.line(corners((0, start), (0, end)), teeth, 0.028)
    canvas.shape(ellipse(0, start + 0.09, 0.04, 0.075), (236, 206, 120))


def _pocket(canvas: Canvas, piece: Piece) -> None:
    """Draw a patch pocket on the chest, or one on each hip."""
    chest = piece.kind == "top"
    places = ((0.19, 0.27),) if chest else ((-0.22, 0.98), (0.22, 0.98))
    tone = blend(piece.tone, outline(piece.tone), 0.25)
    for x, y in places:
        patch = corners(
            (x - 0.095, y),
            (x + 0.095, y),
            (x + 0.09, y + 0.19),
            (x, y + 0.225),
            (x - 0.09, y + 0.19),
        )
        canvas.shape(patch, tone)
        canvas.line(corners((x - 0.095, y + 0.05), (x + 0.095, y + 0.05)), outline(tone))


def _belt(canvas: Canvas, piece: Piece) -> None:
    """Draw a leather belt with a buckle around the waist."""
    tone = leather(piece.tone)
    wide = float(half_width(np.array(WAIST))) + 0.035
    top, bottom = WAIST - 0.04, WAIST + 0.06
    canvas.shape(
        corners((-wide, top), (wide, top), (wide + 0.01, bottom), (-wide - 0.01, bottom)), tone
    )
    buckle = corners((-0.06, top), (0.06, top), (0.06, bottom), (-0.06, bottom))
    canvas.line(buckle, (236, 200, 96), 0.032, closed=True)


def _bow(canvas: Canvas, piece: Piece) -> None:
    """Draw a ribbon bow at the neckline, or at the waist of skirts and trousers."""
    top = piece.kind in ("top", "dress")
    y = max(0.1, float(neckline(piece)[0, 1])) + 0.03 if top else WAIST + 0.06
    tone = piece.ink
    for side in (-1, 1):
        tail = corners((0, y), (side * 0.05, y + 0.25), (side * 0.13, y + 0.22))
        canvas.shape(tail, tone)
        loop = smooth(
            (0, y), (side * 0.1, y - 0.1), (side * 0.2, y - 0.06), (side * 0.19, y + 0.08), (0, y)
        )
        canvas.shape(loop, tone)
    canvas.shape(ellipse(0, y, 0.04, 0.045), tone)


_DRAW: dict[str, Callable[[Canvas, Piece], None]] = {
    "buttons": _buttons,
    "pocket": _pocket,
    "zip": _zip,
    "belt": _belt,
    "bow": _bow,
}
