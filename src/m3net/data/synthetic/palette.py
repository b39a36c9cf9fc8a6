"""Colours of cloth, skin, hair and walls."""

from m3net.data.synthetic.garment import Colour

CLOTH: dict[str, Colour] = {
    "black": (34, 33, 38),
    "white": (247, 247, 248),
    "blue": (56, 116, 206),
    "grey": (140, 143, 149),
    "navy": (32, 44, 92),
    "red": (208, 40, 46),
    "pink": (241, 152, 180),
    "beige": (204, 176, 138),
    "green": (60, 132, 82),
    "cream": (248, 234, 196),
    "yellow": (246, 200, 58),
    "maroon": (112, 26, 44),
}
"""Usual ground colour of each class of `colour`."""

INKS: tuple[Colour, ...] = (
    (250, 248, 242),
    (44, 44, 54),
    (206, 74, 70),
    (62, 92, 158),
    (242, 192, 92),
    (84, 138, 104),
    (238, 168, 186),
)
SKINS: tuple[Colour, ...] = (
    (250, 222, 200),
    (240, 202, 172),
    (222, 176, 140),
    (190, 138, 102),
    (144, 98, 70),
    (98, 66, 50),
)
HAIRS: tuple[Colour, ...] = (
    (40, 32, 32),
    (78, 52, 40),
    (128, 84, 54),
    (212, 172, 112),
    (164, 76, 48),
    (150, 148, 150),
)
WALLS: tuple[Colour, ...] = (
    (240, 237, 232),
    (222, 229, 234),
    (234, 222, 212),
    (208, 220, 210),
    (222, 212, 226),
    (190, 202, 212),
    (228, 214, 190),
    (168, 176, 180),
)
FLOORS: tuple[Colour, ...] = (
    (196, 166, 132),
    (160, 128, 100),
    (206, 204, 200),
    (176, 186, 190),
    (218, 196, 176),
)
LEATHER: tuple[Colour, ...] = ((120, 72, 40), (46, 40, 42), (226, 220, 210))
"""Belts: of these the one that differs most from the cloth."""


def brightness(colour: Colour) -> float:
    """Give the luma of a colour, 0 .. 255 (weights of ITU-R BT.601)."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def blend(first: Colour, second: Colour, share: float) -> Colour:
    """Give the colour that lies between two, `share` of the way to the second.

    Example:
        >>> blend((0, 0, 0), (200, 100, 50), 0.5)
        (100, 50, 25)
    """
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def outline(colour: Colour) -> Colour:
    """Give the tone of seams and edges: darker than the cloth, but lighter on dark cloth."""
    if brightness(colour) < 75:
        return blend(colour, (255, 255, 255), 0.28)
    return blend(colour, (30, 24, 36), 0.46)


def leather(colour: Colour) -> Colour:
    """Give the belt colour that stands out best from a cloth."""
    return max(LEATHER, key=lambda tone: abs(brightness(tone) - brightness(colour)))
