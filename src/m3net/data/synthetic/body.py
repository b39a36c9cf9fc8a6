"""The wearer's body: a doll with the measures that all clothes are cut to.

All lengths are in its units: the shoulders are 0.8 wide, the feet 2.5 below them.
"""

import numpy as np
from numpy.typing import NDArray

from m3net.data.synthetic.canvas import Canvas, Points
from m3net.data.synthetic.curves import corners, ellipse, mirror, ribbon, smooth
from m3net.data.synthetic.garment import Scene
from m3net.data.synthetic.palette import blend

WAIST, CROTCH, ANKLE = 0.8, 1.3, 2.42
_SHOULDER = (0.335, 0.09)
_UPPER_ARM, _FOREARM = 0.55, 0.5
_ARM_THICKNESS = np.linspace(0.1, 0.055, 13)
_SIDE = smooth((0.35, 0.3), (0.355, 0.42), (0.27, WAIST), (0.385, 1.16), (0.37, 1.5))
_TRUNK = mirror(
    np.concatenate(
        [
            corners((0.105, -0.4), (0.105, -0.13), (0.17, -0.075), (0.34, -0.01)),
            smooth((0.34, -0.01), (0.4, 0.06), (0.345, 0.34), (0.27, WAIST), (0.37, 1.2)),
        ]
    )
)
_CHIN_SHADOW = mirror(smooth((0, -0.16), (0.07, -0.19), (0.105, -0.25)))
_LEG = ribbon(
    corners((0.19, 1.1), (0.19, 1.5), (0.185, 1.78), (0.19, 2.0), (0.185, ANKLE + 0.03)),
    np.array([0.18, 0.15, 0.105, 0.11, 0.06]),
)
_SHOE = smooth(
    (0.12, ANKLE - 0.02), (0.11, ANKLE + 0.13), (0.25, ANKLE + 0.14), (0.25, ANKLE - 0.02)
)
_LONG_HAIR = mirror(smooth((0, -0.86), (0.23, -0.7), (0.27, -0.4), (0.29, -0.02), (0, 0.02)))
_FRINGE = np.concatenate(
    [
        smooth((0.2, -0.5), (0.17, -0.66), (-0.02, -0.7), (-0.16, -0.62), (-0.2, -0.5)),
        smooth((-0.22, -0.52), (-0.2, -0.74), (0, -0.83), (0.2, -0.74), (0.22, -0.52)),
    ]
)


def half_width(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give half the body's width at heights from armpit to thigh."""
    return np.interp(y, _SIDE[:, 1], _SIDE[:, 0])


def arm_line(side: int, angles: tuple[float, float]) -> Points:
    """Give (13, 2) float64 points from shoulder to wrist.

    Args:
        side: -1 for the arm on the left of the picture, 1 on the right.
        angles: Of upper arm and forearm, outwards, in degrees.
    """
    upper, fore = np.deg2rad(angles)
    elbow_x = _SHOULDER[0] + _UPPER_ARM * np.sin(upper)
    elbow_y = _SHOULDER[1] + _UPPER_ARM * np.cos(upper)
    wrist = elbow_x + _FOREARM * np.sin(fore), elbow_y + _FOREARM * np.cos(fore)
    return smooth(_SHOULDER, (elbow_x, elbow_y), wrist) * (side, 1)


def draw_legs(canvas: Canvas, scene: Scene) -> None:
    """Draw both legs, with shoes."""
    for side in (-1, 1):
        canvas.fill(_LEG * (side, 1), scene.skin)
        canvas.shape(_SHOE * (side, 1), scene.others[0])


def draw_torso(canvas: Canvas, scene: Scene) -> None:
    """Draw neck, shoulders and trunk."""
    shadow = blend(scene.skin, (60, 20, 20), 0.2)
    canvas.fill(_TRUNK, scene.skin)
    canvas.fill(_CHIN_SHADOW, shadow)
    for side in (-1, 1):
        canvas.line(corners((side * 0.05, 0.0), (side * 0.2, -0.035)), shadow)


def draw_upper_arm(canvas: Canvas, scene: Scene, line: Points) -> None:
    """Draw an arm, given as `arm_line` does, from shoulder to elbow."""
    _limb(canvas, scene, line[:9], _ARM_THICKNESS[:9])


def draw_forearm(canvas: Canvas, scene: Scene, line: Points) -> None:
    """Draw an arm, given as `arm_line` does, from elbow to hand."""
    _limb(canvas, scene, line[6:], _ARM_THICKNESS[6:])
    hand = line[-1] + 0.06 * (line[-1] - line[-2]) / np.linalg.norm(line[-1] - line[-2])
    canvas.fill(ellipse(hand[0], hand[1], 0.062, 0.075), scene.skin)


def _limb(canvas: Canvas, scene: Scene, line: Points, thickness: NDArray[np.float64]) -> None:
    """Draw a part of an arm with soft edges."""
    part = ribbon(line, thickness)
    canvas.fill(part, scene.skin)
    half = len(line)
    shadow = blend(scene.skin, (60, 20, 20), 0.2)
    canvas.line(part[:half], shadow)
    canvas.line(part[half:], shadow)


def draw_hair_behind(canvas: Canvas, scene: Scene) -> None:
    """Draw the hair that hangs behind the shoulders."""
    if scene.hairstyle == "long":
        canvas.fill(_LONG_HAIR, scene.hair)


def draw_head(canvas: Canvas, scene: Scene) -> None:
    """Draw a face without features, as shop dolls have, and the hair before it."""
    if scene.hairstyle == "bun":
        canvas.disc((0, -0.88), 0.1, scene.hair)
    canvas.fill(ellipse(0, -0.58, 0.235, 0.25), scene.hair)
    canvas.fill(ellipse(0, -0.5, 0.19, 0.245), scene.skin)
    shadow = blend(scene.skin, (60, 20, 20), 0.12)
    canvas.fill(ellipse(0, -0.475, 0.022, 0.04), shadow)
    canvas.line(smooth((-0.05, -0.375), (0, -0.36), (0.05, -0.375)), (196, 104, 100), 0.02)
    canvas.fill(_FRINGE, scene.hair)
