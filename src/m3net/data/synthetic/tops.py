"""Outlines of tops and dresses: body, neckline and sleeves."""

import numpy as np

from m3net.data.synthetic.body import WAIST, half_width
from m3net.data.synthetic.canvas import Points
from m3net.data.synthetic.curves import corners, ribbon, smooth
from m3net.data.synthetic.garment import Piece

HEM = {"crop": 0.6, "hip": 1.2, "knee": 1.78, "midi": 2.1, "floor": 2.5}
"""Height of each class of `hem_length`, down from the shoulders."""

SLEEVE_END = {"cap": 0.17, "short": 0.36, "elbow": 0.55, "three_quarter": 0.77, "long": 0.99}
"""Where each sleeve ends on the way from shoulder (0) to wrist (1)."""

# How far above the shoulder, and how wide there, in half widths of the sleeve.
_ROUND = np.array([(0.98, 0.2), (0.85, 0.53), (0.6, 0.8), (0.3, 0.95)])
_NECKLINES: dict[str, Points] = {
    # From the middle of the neckline to its right end on the shoulder.
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


def neckline(piece: Piece) -> Points:
    """Give the right half of the neckline, from its middle to the shoulder."""
    return _NECKLINES[piece.neckline or piece.collar or "round"]


def hem_height(piece: Piece) -> float:
    """Give the height of the hem, down from the shoulders."""
    return HEM[piece.hem_length or "hip"]


def top_half(piece: Piece) -> Points:
    """Give the right half of a top or dress, from the neckline's middle to the hem's."""
    return np.vstack([neckline(piece), _armhole(piece), _side(piece), _hem(piece)])


def _armhole(piece: Piece) -> Points:
    """Give the edge from the shoulder to the armpit."""
    if piece.neckline == "off_shoulder":
        return corners((0.37, 0.3))
    if piece.neckline == "halter":
        return smooth((0.13, -0.15), (0.2, 0.12), (0.35, 0.3))
    if piece.sleeve_length == "sleeveless":
        return smooth((0.335, -0.02), (0.3, 0.14), (0.36, 0.32))
    return smooth((0.34, -0.02), (0.39, 0.06), (0.36, 0.32))


def _side(piece: Piece) -> Points:
    """Give the right side from armpit to hem."""
    end = hem_height(piece)
    y = np.linspace(0.33, end, 14)
    loose = 0.25 + 0.6 * piece.ease if piece.kind == "top" else 0.2 * piece.ease
    x = half_width(y) * (1 - loose) + 0.385 * loose + 0.02
    below_waist = np.maximum(0, y - WAIST)
    if piece.kind == "dress":
        x += (0.1 + 0.24 * piece.flare) * below_waist * np.minimum(1, 1.2 / (end - WAIST))
    return np.stack([x, y], axis=1)


def _hem(piece: Piece) -> Points:
    """Give the middle of the hem, which hangs a little lower than its sides."""
    return corners((0, hem_height(piece) + 0.03))


def sleeve(piece: Piece, arm: Points) -> Points | None:
    """Give the outline of one sleeve, None where there is none.

    Args:
        piece: Top or dress.
        arm: (13, 2) float64, from shoulder to wrist.
    """
    if piece.sleeve_length in (None, "sleeveless"):
        return None
    off_shoulder = piece.neckline == "off_shoulder"
    start = 0.1 if off_shoulder else 0.0
    end = SLEEVE_END[piece.sleeve_length]
    along = np.linspace(start, end, 10)
    places = np.linspace(0, 1, len(arm))
    middle = np.stack([np.interp(along, places, arm[:, axis]) for axis in (0, 1)], axis=1)
    widths = np.interp(along, (0, 0.2, 1), (0.115, 0.125, 0.08)) + 0.03 * piece.ease
    if piece.sleeve_length == "cap":
        widths = np.linspace(0.1, 0.15, len(along))
    if not off_shoulder:
        # Round over the shoulder: the line begins above the arm, as a half circle there.
        up = middle[0] - middle[1]
        rise = _ROUND[:, :1] * widths[0] * up / np.hypot(*up)
        middle = np.concatenate([middle[0] + rise, middle])
        widths = np.concatenate([_ROUND[:, 1] * widths[0], widths])
    return ribbon(middle, widths)
