"""Collars, drawn on top of the garment."""

import numpy as np

from m3net.data.synthetic.canvas import Canvas, Points
from m3net.data.synthetic.curves import corners, mirror, smooth
from m3net.data.synthetic.garment import Piece
from m3net.data.synthetic.palette import blend, brightness

_FLAPS: dict[str, Points] = {
    # The right half of each collar.
    "shirt": corners((0.0, 0.13), (0.13, -0.17), (0.19, -0.1), (0.235, 0.1), (0.12, 0.2)),
    "peter_pan": np.vstack(
        [
            corners((0.005, 0.0), (0.13, -0.12)),
            smooth((0.17, -0.085), (0.29, 0.03), (0.23, 0.16), (0.08, 0.15), (0.005, 0.0)),
        ]
    ),
    "shawl": np.vstack(
        [
            corners((0.0, 0.55), (0.12, -0.16)),
            smooth((0.18, -0.09), (0.27, 0.12), (0.2, 0.34), (0.0, 0.62)),
        ]
    ),
}


def draw_collar(canvas: Canvas, piece: Piece) -> None:
    """Draw a piece's collar, if it has one."""
    # Collars are plain and a shade off the cloth, so that they stand out from any pattern.
    towards = (255, 255, 255) if brightness(piece.tone) < 150 else (90, 80, 90)
    tone = blend(piece.tone, towards, 0.14)
    if piece.collar == "stand":
        canvas.shape(mirror(corners((0, -0.04), (0.14, -0.075), (0.125, -0.25), (0, -0.21))), tone)
        canvas.line(corners((0, -0.21), (0, -0.04)), blend(piece.tone, (60, 50, 60), 0.5))
    elif piece.collar in _FLAPS:
        for side in (-1, 1):
            canvas.shape(_FLAPS[piece.collar] * (side, 1), tone)
