"""A picture to draw on in body units, with its colours and curves."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
"""Red, green and blue, 0 .. 255."""

Points = NDArray[np.float64]
"""(N, 2) float64 in body units: right of the middle, down from the shoulders."""

EDGE = 0.016
"""Width of outlines in body units."""

_SUBPIXEL_BITS = 4
_CIRCLE = np.linspace(0, 2 * np.pi, 24, endpoint=False)
# Catmull-Rom: weights of a segment's ends and their neighbours, at six steps along the segment.
_CUBIC = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
_SPLINE = np.vander(np.arange(6) / 6, 4, increasing=True) @ _CUBIC


def colours(codes: str) -> list[Colour]:
    """Return the colours of hexadecimal codes with spaces between."""
    return [(code[0], code[1], code[2]) for code in map(bytes.fromhex, codes.split())]


def brightness(colour: Colour) -> float:
    """Return the luma of a colour, 0 .. 255 (weights of ITU-R BT.601)."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """Return the colour at `share` (0 .. 1) of the way from the first to the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def outline(colour: Colour) -> Colour:
    """Return the colour of seams: darker than the cloth, or lighter on dark cloth."""
    dark = brightness(colour) < 75
    return blend(colour, (255, 255, 255), 0.28) if dark else blend(colour, (30, 24, 36), 0.46)


def corners(*points: tuple[float, float]) -> Points:
    """Return points that straight lines join."""
    return np.array(points, dtype=np.float64)


def smooth(*points: tuple[float, float]) -> Points:
    """Return a smooth open curve through at least two points.

    Example:
        >>> curve = smooth((0, 0), (1, 1), (2, 0))
        >>> curve.shape, curve[6].tolist(), curve[-1].tolist()
        ((13, 2), [1.0, 1.0], [2.0, 0.0])
    """
    knots = corners(points[0], *points, points[-1])
    segments = knots[np.arange(len(points) - 1)[:, None] + np.arange(4)]
    return np.concatenate([(_SPLINE @ segments).reshape(-1, 2), knots[-1:]])


def mirror(half: Points) -> Points:
    """Close the right half of a symmetrical outline by its mirror image."""
    return np.concatenate([half, half[::-1] * (-1, 1)])


def rectangle(left: float, top: float, right: float, bottom: float) -> Points:
    """Return an upright rectangle."""
    return corners((left, top), (right, top), (right, bottom), (left, bottom))


def ribbon(middle: Points, half_widths: NDArray[np.float64]) -> Points:
    """Return the outline of a band: down one side of its middle line and up the other."""
    along = np.gradient(middle, axis=0)
    across = along[:, ::-1] * (-1, 1) * (half_widths / np.hypot(*along.T))[:, None]
    return np.concatenate([middle + across, (middle - across)[::-1]])


def ellipse(x: float, y: float, across: float, down: float) -> Points:
    """Return an ellipse by its centre and half axes."""
    return np.stack([x + across * np.cos(_CIRCLE), y + down * np.sin(_CIRCLE)], axis=1)


@dataclass(frozen=True)
class Canvas:
    """A picture with the affine map from body units to its pixels."""

    pixels: NDArray[np.uint8]
    """(S, S, 3) or (S, S), changed in place."""
    to_pixels: NDArray[np.float64]
    """(2, 3)"""
    scale: float
    """Pixels per body unit."""

    def flood(self, colour: Colour) -> None:
        """Paint the whole picture."""
        cv2.rectangle(self.pixels, (0, 0), self.pixels.shape[1::-1], colour, -1)

    def fill(self, points: Points, colour: Colour) -> None:
        """Fill a polygon."""
        cv2.fillPoly(self.pixels, [self._fixed(points)], colour, cv2.LINE_AA, _SUBPIXEL_BITS)

    def line(
        self, points: Points, colour: Colour, width: float = EDGE, closed: bool = False
    ) -> None:
        """Draw a line through points, at least one pixel wide."""
        pixels = max(1, round(width * self.scale))
        fixed = [self._fixed(points)]
        cv2.polylines(self.pixels, fixed, closed, colour, pixels, cv2.LINE_AA, _SUBPIXEL_BITS)

    def shape(self, points: Points, colour: Colour) -> None:
        """Fill a polygon and outline it."""
        self.fill(points, colour)
        self.line(points, outline(colour), closed=True)

    def pair(self, points: Points, colour: Colour) -> None:
        """Draw a shape and its mirror image."""
        self.shape(points * (-1, 1), colour)
        self.shape(points, colour)

    def lay(self, points: Points, cloth: NDArray[np.uint8]) -> None:
        """Copy the inside of a polygon from a cloth as large as the picture."""
        mask = np.zeros(self.pixels.shape[:2], dtype=np.uint8)
        cv2.fillPoly(mask, [self._fixed(points)], 255, cv2.LINE_8, _SUBPIXEL_BITS)
        cv2.copyTo(cloth, mask, self.pixels)

    def _fixed(self, points: Points) -> NDArray[np.int32]:
        """Return fixed-point pixel positions; OpenCV counts pixels from their centres."""
        positions = points @ self.to_pixels[:, :2].T + (self.to_pixels[:, 2] - 0.5)
        return np.asarray(positions * 2**_SUBPIXEL_BITS).astype(np.int32)
