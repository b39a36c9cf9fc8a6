"""A picture to draw on in the wearer's own measures, whatever its size in pixels."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from m3net.data.synthetic.garment import Colour
from m3net.data.synthetic.palette import outline

Points = NDArray[np.float64]
"""(N, 2) float64 in body units: to the right of the middle, down from the shoulders."""

_SUBPIXEL_BITS = 4
EDGE = 0.016
"""Width of the line around a piece, in body units."""


@dataclass(frozen=True)
class Canvas:
    """A picture, and the affine map from the wearer's measures to its pixels.

    Attributes:
        pixels: (S, S, 3) uint8, RGB, or (S, S) uint8; drawn upon in place.
        to_pixels: (2, 3) float64.
        scale: Pixels per body unit.
    """

    pixels: NDArray[np.uint8]
    to_pixels: NDArray[np.float64]
    scale: float

    def flood(self, colour: Colour) -> None:
        """Paint the whole picture."""
        height, width = self.pixels.shape[:2]
        cv2.rectangle(self.pixels, (0, 0), (width, height), colour, -1)

    def fill(self, points: Points, colour: Colour) -> None:
        """Paint the inside of a polygon."""
        cv2.fillPoly(self.pixels, [self._place(points)], colour, cv2.LINE_AA, _SUBPIXEL_BITS)

    def line(
        self, points: Points, colour: Colour, width: float = EDGE, closed: bool = False
    ) -> None:
        """Draw a line through points; it is never thinner than a pixel."""
        thickness = max(1, round(width * self.scale))
        place = [self._place(points)]
        cv2.polylines(self.pixels, place, closed, colour, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)

    def shape(self, points: Points, colour: Colour) -> None:
        """Paint a polygon with a line around it."""
        self.fill(points, colour)
        self.line(points, outline(colour), closed=True)

    def disc(self, centre: tuple[float, float], radius: float, colour: Colour) -> None:
        """Paint a disc."""
        x, y = self._place(np.array([centre]))[0].tolist()
        radius_fixed = round(radius * self.scale * 2**_SUBPIXEL_BITS)
        cv2.circle(self.pixels, (x, y), radius_fixed, colour, -1, cv2.LINE_AA, _SUBPIXEL_BITS)

    def lay(self, points: Points, cloth: NDArray[np.uint8]) -> None:
        """Show a cloth of the size of the picture inside a polygon."""
        mask = np.zeros(self.pixels.shape[:2], dtype=np.uint8)
        cv2.fillPoly(mask, [self._place(points)], 255, cv2.LINE_8, _SUBPIXEL_BITS)
        cv2.copyTo(cloth, mask, self.pixels)

    def _place(self, points: Points) -> NDArray[np.int32]:
        """Give points as fixed-point pixel positions."""
        return (points @ self._to_fixed_point[0] + self._to_fixed_point[1]).astype(np.int32)

    @cached_property
    def _to_fixed_point(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Linear part and offset; OpenCV gives the middle of a pixel whole numbers."""
        unit = 2**_SUBPIXEL_BITS
        return self.to_pixels[:, :2].T * unit, (self.to_pixels[:, 2] - 0.5) * unit
