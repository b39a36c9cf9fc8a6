"""What is carried or worn over the garment, and hides a part of it."""

import numpy as np

from m3net.data.synthetic.canvas import Canvas, Points
from m3net.data.synthetic.curves import corners, smooth
from m3net.data.synthetic.garment import Garment, Scene
from m3net.data.synthetic.palette import outline


def draw_cover(canvas: Canvas, garment: Garment) -> None:
    """Draw what covers a garment; a close-up needs nothing drawn."""
    if garment.cover == "scarf":
        _scarf(canvas, garment.scene)
    elif garment.cover == "jacket":
        _jacket(canvas, garment.scene)
    elif garment.cover == "bag":
        _bag(canvas, garment.scene, 0.0, 0.78, 0.36)


def draw_hand_bag(canvas: Canvas, scene: Scene, hand: Points) -> None:
    """Draw a small bag that hangs from a hand, given as (2,) float64."""
    _bag(canvas, scene, float(hand[0]), float(hand[1]) + 0.26, 0.17)


def _bag(canvas: Canvas, scene: Scene, x: float, y: float, wide: float) -> None:
    """Draw a bag by the middle of its upper edge and half its width."""
    colour = scene.others[1]
    handle = smooth(
        (x - 0.6 * wide, y),
        (x - 0.4 * wide, y - wide),
        (x + 0.4 * wide, y - wide),
        (x + 0.6 * wide, y),
    )
    canvas.line(handle, outline(colour), 0.035)
    tall = 1.35 * wide
    canvas.shape(
        corners(
            (x - wide, y), (x + wide, y), (x + 1.1 * wide, y + tall), (x - 1.1 * wide, y + tall)
        ),
        colour,
    )
    canvas.line(corners((x - wide, y + 0.3 * tall), (x + wide, y + 0.3 * tall)), outline(colour))
    canvas.disc((x, y + 0.3 * tall), 0.035, (236, 206, 120))


def _scarf(canvas: Canvas, scene: Scene) -> None:
    """Draw a scarf around the neck with both ends in front."""
    colour = scene.others[2]
    for side in (-1, 1):
        end = corners(
            (side * 0.01, 0.1), (side * 0.18, 0.1), (side * 0.19, 0.54), (side * 0.02, 0.54)
        )
        canvas.shape(end, colour)
        for x in np.arange(0.04, 0.19, 0.045):
            canvas.line(corners((side * x, 0.54), (side * x, 0.59)), colour, 0.025)
    roll = smooth(
        (0, -0.24),
        (0.22, -0.2),
        (0.34, 0.02),
        (0.22, 0.26),
        (0, 0.34),
        (-0.22, 0.26),
        (-0.34, 0.02),
        (-0.22, -0.2),
        (0, -0.24),
    )
    canvas.shape(roll, colour)
    for fold in (0.0, 0.12):
        canvas.line(smooth((-0.28, fold), (0, fold + 0.14), (0.28, fold)), outline(colour))


def _jacket(canvas: Canvas, scene: Scene) -> None:
    """Draw a jacket hung around the shoulders, its sleeves empty."""
    colour = scene.others[2]
    for side in (-1, 1):
        panel = np.vstack(
            [
                corners((0.17, -0.1)),
                smooth((0.36, -0.04), (0.53, 0.12), (0.62, 0.7), (0.66, 1.36)),
                corners((0.36, 1.4), (0.33, 0.5)),
            ]
        )
        canvas.shape(panel * (side, 1), colour)
        lapel = corners((0.16, -0.13), (0.3, 0.0), (0.4, 0.26), (0.33, 0.52))
        canvas.shape(lapel * (side, 1), colour)
        canvas.line(smooth((0.47, 0.22), (0.5, 0.7), (0.5, 1.3)) * (side, 1), outline(colour))
