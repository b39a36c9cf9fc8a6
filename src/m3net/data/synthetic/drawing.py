"""Draw a garment: frame, backdrop, figure and camera."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from m3net.data.synthetic import canvas as on
from m3net.data.synthetic.canvas import Canvas, Colour, Points, corners, mirror, rectangle, smooth
from m3net.data.synthetic.clothes import BODY_SIDE, sew, sew_sleeve
from m3net.data.synthetic.garment import Garment, Kind
from m3net.data.synthetic.sampling import one_of
from m3net.data.synthetic.trimmings import draw_collar, draw_cover, draw_detail
from m3net.errors import ConfigError

# Heights at the top and bottom of the picture, down from the shoulders.
_FRAMES: dict[Kind, tuple[float, float]] = {
    "top": (-0.6, 1.5),
    "dress": (-0.52, 2.7),
    "skirt": (0.06, 2.72),
    "trousers": (0.16, 2.72),
}
_CLOSE_UP = 0.48
"""Part of the frame's height, from its top, that a close-up shows."""

_SKINS = on.colours("fadec8 f0caac deb08c be8a66 906246 624232")
_HAIRS = on.colours("282020 4e3428 805436 d4ac70 a44c30 969496")
_WALLS = on.colours("f0ede8 dee5ea eaded4 d0dcd2 ded4e2 becad4 e4d6be a8b0b4")
_FLOORS = on.colours("c4a684 a08064 ceccc8 b0babe dac4b0")
_PICTURES = on.colours("ce4a46 3e5c9e f2c05c 548a68 eea8ba")
_NECK = corners((0.105, -0.4), (0.105, -0.13), (0.17, -0.075))
_SHOULDER = smooth((0.34, -0.01), (0.4, 0.06), (0.345, 0.3))
_TRUNK = mirror(np.concatenate([_NECK, _SHOULDER, BODY_SIDE]))
_CHIN_SHADOW = mirror(smooth((0, -0.16), (0.07, -0.19), (0.105, -0.25)))
_LEG = np.concatenate(
    [
        smooth((0.37, 1.1), (0.34, 1.5), (0.29, 1.78), (0.3, 2.0), (0.245, 2.45)),
        smooth((0.125, 2.45), (0.08, 2.0), (0.08, 1.78), (0.04, 1.5), (0.01, 1.1)),
    ]
)
_SHOE = smooth((0.12, 2.4), (0.11, 2.55), (0.25, 2.56), (0.25, 2.4))
_LONG_HAIR = mirror(smooth((0, -0.86), (0.23, -0.7), (0.27, -0.4), (0.29, -0.02), (0, 0.02)))
_FRINGE = mirror(smooth((0, -0.68), (0.15, -0.64), (0.2, -0.5), (0.22, -0.6), (0.13, -0.82)))
_MIN_SIZE, _MAX_SIZE = 32, 1024
_SUPERSAMPLING, _CANVAS_STEP = 2, 256
_FLOOR_LINE, _FAR = 2.36, 4.0


def draw(garment: Garment, size: int) -> NDArray[np.uint8]:
    """Draw the picture of a garment as (size, size, 3) uint8, RGB.

    Pictures of different `size` (32 .. 1024 pixels) differ in sharpness and noise alone.

    Raises:
        ConfigError: The size is out of range.

    Example:
        >>> from m3net.data.synthetic.sampling import sample_garment
        >>> draw(sample_garment(seed=0, index=3), size=64).shape
        (64, 64, 3)
    """
    if not _MIN_SIZE <= size <= _MAX_SIZE:
        raise ConfigError(
            f"cannot draw a garment {size} pixels large: choose {_MIN_SIZE} to {_MAX_SIZE}."
        )
    random = np.random.default_rng(garment.seed)
    # Lines are a whole number of pixels wide: with few canvas sizes, pictures have equal lines.
    canvas = _frame(garment, _CANVAS_STEP * math.ceil(_SUPERSAMPLING * size / _CANVAS_STEP))
    _draw_backdrop(canvas, random)
    _draw_figure(canvas, garment, random)
    small = cv2.resize(canvas.pixels, (size, size), interpolation=cv2.INTER_AREA)
    return _photograph(np.asarray(small, np.uint8), random)


def _frame(garment: Garment, pixels: int) -> Canvas:
    """Return an empty canvas that frames the piece."""
    pose = garment.pose
    top, bottom = _FRAMES[garment.piece.kind]
    if garment.cover == "close_up":
        bottom = top + _CLOSE_UP * (bottom - top)
    scale = pose.zoom * pixels / (bottom - top)
    angle = np.deg2rad(pose.tilt)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * turn * (pose.build, 1)
    offset = pixels * (0.5 + np.array(pose.shift)) - linear @ (0, (top + bottom) / 2)
    to_pixels = np.column_stack([linear, offset])
    return Canvas(np.empty((pixels, pixels, 3), dtype=np.uint8), to_pixels, scale)


def _draw_backdrop(canvas: Canvas, random: np.random.Generator) -> None:
    """Draw a studio wall, or a room with a picture and a plant."""
    wall, floor = one_of(random, _WALLS), one_of(random, _FLOORS)
    shades = [on.blend(wall, floor, share * random.random()) for share in (0.3, 1)]
    gradient = np.array(shades, dtype=np.uint8)[:, None]
    cv2.resize(gradient, canvas.pixels.shape[1::-1], dst=canvas.pixels)
    side = -1 if random.random() < 0.5 else 1
    picture = one_of(random, _PICTURES)
    if random.random() < 0.4:
        canvas.fill(rectangle(-_FAR, _FLOOR_LINE, _FAR, _FAR), floor)
        canvas.line(corners((-_FAR, _FLOOR_LINE), (_FAR, _FLOOR_LINE)), (248, 246, 242), 0.07)
        canvas.shape(rectangle(0.6, -0.5, 1.1, 0.15) * (side, 1), (246, 244, 238))
        canvas.fill(on.ellipse(side * 0.85, -0.17, 0.14, 0.2), picture)
        for lean in (-0.3, -0.12, 0.05, 0.22):
            leaf = smooth((0, 2), (lean - 0.06, 1.55), (1.6 * lean, 1.15), (lean + 0.06, 1.6))
            canvas.shape(leaf - (0.86 * side, 0), (96, 142, 104))
        canvas.shape(rectangle(-0.13, 1.95, 0.13, 2.4) - (0.86 * side, 0), (206, 132, 100))
    canvas.fill(on.ellipse(0.05, 2.52, 0.5, 0.07), on.blend(floor, (40, 36, 40), 0.35))


def _draw_figure(canvas: Canvas, garment: Garment, random: np.random.Generator) -> None:
    """Draw the dressed wearer from back to front."""
    skin, hair = one_of(random, _SKINS), one_of(random, _HAIRS)
    left, right = garment.pose.arms
    arms = (_arm(-1, left), _arm(1, right))
    if random.random() < 0.5:
        canvas.fill(_LONG_HAIR, hair)
    for side in (-1, 1):
        canvas.fill(_LEG * (side, 1), skin)
    canvas.pair(_SHOE, garment.accessory)
    for arm in arms:
        _draw_limb(canvas, arm[:9], skin)
    canvas.fill(_TRUNK, skin)
    canvas.fill(_CHIN_SHADOW, _shadow(skin))
    # The labelled piece lies over its companion.
    for piece in (garment.companion, garment.piece):
        if piece is not None:
            cloth = sew(canvas, piece)
            for detail in piece.details:
                draw_detail(canvas, piece, detail)
            if piece.is_upper:
                upper, upper_cloth = piece, cloth
    for arm in arms:
        _draw_limb(canvas, arm[3:], skin)
        sew_sleeve(canvas, upper, arm, upper_cloth)
    draw_collar(canvas, upper)
    _draw_head(canvas, skin, hair)
    draw_cover(canvas, garment.cover, garment.accessory)


def _arm(side: int, angle: float) -> Points:
    """Return an arm's line from shoulder to wrist, at the angle of the upper arm."""
    # The farther out the elbow, the farther in the hand, until it rests on the hip.
    upper, fore = math.radians(angle), math.radians(22 - 1.5 * angle)
    elbow = 0.335 + 0.55 * math.sin(upper), 0.09 + 0.55 * math.cos(upper)
    wrist = elbow[0] + 0.5 * math.sin(fore), elbow[1] + 0.5 * math.cos(fore)
    return smooth((0.335, 0.09), elbow, wrist) * (side, 1)


def _draw_limb(canvas: Canvas, line: Points, skin: Colour) -> None:
    """Draw a part of an arm with a shade, but not where it joins; its round end is the hand."""
    canvas.line(line[3:], _shadow(skin), 0.17)
    canvas.line(line, skin, 0.14)


def _draw_head(canvas: Canvas, skin: Colour, hair: Colour) -> None:
    """Draw a head with a nose, a smile and a fringe."""
    canvas.fill(on.ellipse(0, -0.58, 0.235, 0.25), hair)
    canvas.fill(on.ellipse(0, -0.5, 0.19, 0.245), skin)
    canvas.fill(on.ellipse(0, -0.475, 0.022, 0.04), _shadow(skin))
    canvas.line(smooth((-0.05, -0.375), (0, -0.355), (0.05, -0.375)), (196, 104, 100), 0.02)
    canvas.fill(_FRINGE, hair)


def _shadow(skin: Colour) -> Colour:
    """Return skin in the shade."""
    return on.blend(skin, (60, 20, 20), 0.2)


def _photograph(pixels: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Return the picture as a camera sees it: blurred, unevenly lit, tinted and noisy."""
    size = len(pixels)
    blur = 0.004 * random.random() ** 2 * size
    if blur > 0.2:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), blur), np.uint8)
    right, down, warmth = random.uniform((-0.08, -0.08, -0.02), (0.08, 0.08, 0.02)).tolist()
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    strength = np.float32(0.006 + 0.012 * random.random() ** 2)
    grain = strength * random.standard_normal((size, size), dtype=np.float32)
    light = 1 + right * ramp[None, :] + down * ramp[:, None] + grain
    tinted = cv2.merge([light * (1 + warmth), light, light * (1 - warmth)])
    return np.asarray(cv2.multiply(pixels, tinted, dtype=cv2.CV_8U), np.uint8)
