"""What a garment of the catalogue can be: its attributes, its pose and what covers it."""

from dataclasses import dataclass
from typing import Literal

from m3net.data.synthetic.canvas import Colour
from m3net.data.taxonomy import Attribute, Taxonomy

SHARES: dict[str, dict[str, int]] = {
    "sleeve_length": {
        "sleeveless": 18,
        "cap": 9,
        "short": 28,
        "elbow": 11,
        "three_quarter": 12,
        "long": 22,
    },
    "neckline": {"round": 33, "v": 22, "square": 12, "boat": 12, "halter": 10, "off_shoulder": 11},
    "collar": {"none": 50, "shirt": 20, "peter_pan": 10, "stand": 10, "shawl": 10},
    "hem_length": {"crop": 16, "hip": 32, "knee": 24, "midi": 16, "floor": 12},
    "trouser_length": {"shorts": 24, "bermuda": 15, "cropped": 19, "full": 42},
    "colour": {
        "black": 15,
        "white": 12,
        "blue": 11,
        "grey": 10,
        "navy": 9,
        "red": 8,
        "pink": 8,
        "beige": 7,
        "green": 6,
        "cream": 5,
        "yellow": 5,
        "maroon": 4,
    },
    "pattern": {
        "plain": 44,
        "horizontal_stripe": 14,
        "vertical_stripe": 10,
        "check": 12,
        "dots": 11,
        "floral": 9,
    },
    "details": {"buttons": 24, "pocket": 20, "zip": 12, "belt": 14, "bow": 12},
}
"""Percentage of each class among the garments that have the attribute.

Classes have a moderate long tail, as in real catalogues. A garment may have several details: the
percentage of each is independent of the others.
"""

TAXONOMY = Taxonomy(
    tuple(
        Attribute(name, tuple(shares), multi_label=name == "details")
        for name, shares in SHARES.items()
    )
)
"""Eight attributes, 49 classes; only `details` has several classes per image."""

Kind = Literal["top", "dress", "skirt", "trousers"]
Cover = Literal["nothing", "scarf", "jacket", "bag", "close_up"]

HIDDEN_BY: dict[Cover, tuple[str, ...]] = {
    "nothing": (),
    "scarf": ("neckline", "collar", "details"),
    "jacket": ("sleeve_length",),
    "bag": ("details",),
    "close_up": ("sleeve_length", "hem_length", "trouser_length", "details"),
}
"""The attributes that a cover hides."""


@dataclass(frozen=True)
class Piece:
    """One piece of clothing; a class is None where the attribute does not apply.

    `tone` is the ground colour as drawn; `ink` and `accent` colour the pattern and trimmings.
    `ease` (tight to loose) and `flare` (straight to wide) are in 0 .. 1. `repeat` is the size of
    one repeat of the pattern in body units (the shoulders are 0.8 wide).
    """

    kind: Kind
    colour: str
    pattern: str
    sleeve_length: str | None
    neckline: str | None
    collar: str | None
    hem_length: str | None
    trouser_length: str | None
    details: tuple[str, ...]
    tone: Colour
    ink: Colour
    accent: Colour
    ease: float
    flare: float
    repeat: float

    @property
    def is_upper(self) -> bool:
        """Whether the piece covers the shoulders."""
        return self.kind in ("top", "dress")


@dataclass(frozen=True)
class Pose:
    """How and where the wearer stands.

    `shift` is in picture widths, `zoom` and `build` (width of the body) are factors, `tilt` is in
    degrees. `arms` are the outward angles of the left and right upper arm in degrees.
    """

    shift: tuple[float, float]
    zoom: float
    tilt: float
    build: float
    arms: tuple[float, float]


@dataclass(frozen=True)
class Garment:
    """One picture of the catalogue before it is drawn.

    Labels describe `piece`. `companion` is worn with it, in another colour (None with a dress).
    `accessory` colours shoes and cover. `seed` decides the wearer, the room and the camera.
    """

    piece: Piece
    companion: Piece | None
    pose: Pose
    cover: Cover
    accessory: Colour
    seed: int

    def labels(self) -> dict[str, tuple[str, ...]]:
        """Return the visible classes of each attribute.

        An attribute that does not apply or is hidden is absent; `details` is present but empty
        where the piece visibly has none.
        """
        visible: dict[str, tuple[str, ...]] = {}
        for name in TAXONOMY.names:
            worn = getattr(self.piece, name)
            if worn is not None and name not in HIDDEN_BY[self.cover]:
                visible[name] = worn if isinstance(worn, tuple) else (worn,)
        return visible
