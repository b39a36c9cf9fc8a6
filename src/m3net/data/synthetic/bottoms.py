"""Outlines of skirts and trousers."""

import numpy as np

from m3net.data.synthetic.body import ANKLE, CROTCH, WAIST, half_width
from m3net.data.synthetic.canvas import Points
from m3net.data.synthetic.curves import corners
from m3net.data.synthetic.garment import Piece
from m3net.data.synthetic.tops import hem_height

TROUSER_END = {"shorts": 1.5, "bermuda": 1.8, "cropped": 2.12, "full": ANKLE + 0.04}
"""Height of each class of `trouser_length`, down from the shoulders."""


def bottom_half(piece: Piece) -> Points:
    """Give the right half of a skirt or of trousers, from the waist's middle downwards."""
    return _skirt(piece) if piece.kind == "skirt" else _trousers(piece)


def _skirt(piece: Piece) -> Points:
    """Give half a skirt, straight or flared."""
    end = hem_height(piece)
    y = np.linspace(WAIST, end, 12)
    x = half_width(y) + 0.03 + (0.02 + 0.4 * piece.flare) * (y - WAIST) * min(1, 1 / (end - WAIST))
    return np.vstack([corners((0, WAIST)), np.stack([x, y], axis=1), corners((0, end + 0.03))])


def _trousers(piece: Piece) -> Points:
    """Give one leg of trousers, slim or wide."""
    end = TROUSER_END[piece.trouser_length or "full"]
    y = np.linspace(WAIST, end, 12)
    wide = 0.3 + 0.12 * piece.flare
    # The leg narrows from the thigh to the ankle, the less so the wider it is.
    down = np.clip((y - 1.2) / (ANKLE - 1.2), 0, 1)
    outer = (half_width(y) + 0.025) * (1 - down) + wide * down
    inner_end = np.interp(end, (CROTCH, ANKLE), (0.02, 0.12 - 0.08 * piece.flare))
    return np.vstack(
        [
            corners((0, WAIST)),
            np.stack([outer, y], axis=1),
            corners((float(inner_end), end), (0.015, CROTCH)),
        ]
    )
