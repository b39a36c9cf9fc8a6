"""What stands behind the wearer."""

import cv2
import numpy as np
from numpy.typing import NDArray

from m3net.data.synthetic.canvas import Canvas
from m3net.data.synthetic.curves import corners, ellipse, mirror, smooth
from m3net.data.synthetic.garment import Scene
from m3net.data.synthetic.palette import blend

_FLOOR = 2.36
_FAR = 4.0


def draw_backdrop(canvas: Canvas, scene: Scene) -> None:
    """Paint the whole picture with the scene's backdrop."""
    canvas.flood(scene.wall)
    if scene.backdrop == "gradient":
        below = blend(scene.wall, scene.floor, 0.6)
        _stretch(canvas, np.array([[scene.wall] * 2, [below] * 2], dtype=np.float64))
    elif scene.backdrop == "plaster":
        _plaster(canvas, scene)
    elif scene.backdrop in ("room", "rack"):
        _floor(canvas, scene)
        (_furniture if scene.backdrop == "room" else _rack)(canvas, scene)
    canvas.fill(ellipse(0.05, 2.52, 0.5, 0.07), blend(scene.floor, (40, 36, 40), 0.35))


def _stretch(canvas: Canvas, colours: NDArray[np.float64]) -> None:
    """Stretch a few colours softly over the whole picture."""
    size = canvas.pixels.shape[1::-1]
    small = np.clip(colours, 0, 255).astype(np.uint8)
    cv2.resize(small, size, dst=canvas.pixels, interpolation=cv2.INTER_CUBIC)


def _plaster(canvas: Canvas, scene: Scene) -> None:
    """Paint an uneven wall."""
    random = np.random.default_rng(scene.seed)
    _stretch(canvas, np.array(scene.wall) + random.normal(0, 4, size=(11, 11, 1)))


def _floor(canvas: Canvas, scene: Scene) -> None:
    """Draw floor boards and a skirting board."""
    canvas.fill(corners((-_FAR, _FLOOR), (_FAR, _FLOOR), (_FAR, _FAR), (-_FAR, _FAR)), scene.floor)
    seam = blend(scene.floor, (40, 30, 30), 0.25)
    for x in np.arange(-2, 2.1, 0.5):
        canvas.line(corners((x, _FLOOR), (1.6 * x, _FAR)), seam)
    canvas.line(corners((-_FAR, _FLOOR), (_FAR, _FLOOR)), (248, 246, 242), 0.07)


def _furniture(canvas: Canvas, scene: Scene) -> None:
    """Draw a framed picture and a plant, one to each side."""
    side = 1 if scene.seed % 2 else -1
    frame = blend(scene.floor, (60, 40, 30), 0.3)
    left, right = sorted((side * 0.62, side * 1.1))
    box = corners((left, -0.5), (right, -0.5), (right, 0.12), (left, 0.12))
    canvas.fill(box, (246, 244, 238))
    canvas.line(box, frame, 0.05, closed=True)
    middle = side * 0.86
    canvas.fill(ellipse(middle, -0.2, 0.13, 0.16), blend(scene.others[1], scene.wall, 0.35))
    pot = corners((-0.14, 1.95), (0.14, 1.95), (0.1, 2.4), (-0.1, 2.4)) - (middle, 0)
    for lean in (-0.3, -0.12, 0.05, 0.22):
        leaf = smooth(
            (0, 1.98), (lean - 0.06, 1.55), (lean * 1.6, 1.15), (lean + 0.06, 1.6), (0, 1.98)
        )
        canvas.shape(leaf - (middle, 0), (96, 142, 104))
    canvas.shape(pot, (206, 132, 100))


def _rack(canvas: Canvas, scene: Scene) -> None:
    """Draw a clothes rail with garments in other colours."""
    metal = (150, 150, 156)
    canvas.line(corners((-_FAR, -0.3), (_FAR, -0.3)), metal, 0.04)
    for number, x in enumerate((-1.15, -0.8, 0.8, 1.15)):
        colour = blend(scene.others[number % 3], scene.wall, 0.15)
        canvas.line(smooth((x, -0.3), (x + 0.03, -0.22), (x, -0.14)), metal, 0.02)
        end = 1.25 if (scene.seed >> number) % 2 else 0.85
        half = smooth((0, -0.16), (0.17, -0.04), (0.16, 0.5), (0.19, end), (0, end + 0.03))
        canvas.shape(mirror(half) + np.array([x, 0]), colour)
