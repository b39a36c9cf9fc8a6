"""A garment of the catalogue: its attributes, its pose and what covers it."""

from dataclasses import dataclass
from typing import Literal

from m3net.data.synthetic.canvas import Colour
from m3net.data.taxonomy import Attribute, Taxonomy


def _shares(table: str) -> dict[str, int]:
    """Read classes and their percentages."""
    words = table.split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


SHARES = {
    "sleeve_length": _shares("sleeveless 18 cap 9 short 28 elbow 11 three_quarter 12 long 22"),
    "neckline": _shares("round 33 v 22 square 12 boat 12 halter 10 off_shoulder 11"),
    "collar": _shares("none 50 shirt 20 peter_pan 10 stand 10 shawl 10"),
    "hem_length": _shares("crop 16 hip 32 knee 24 midi 16 floor 12"),
    "trouser_length": _shares("shorts 24 bermuda 15 cropped 19 full 42"),
    "colour": _shares(
        "black 15 white 12 blue 11 grey 10 navy 9 red 8 "
        "pink 8 beige 7 green 6 cream 5 yellow 5 maroon 4"
    ),
    "pattern": _shares(
        "plain 44 horizontal_stripe 14 vertical_stripe 10 check 12 dots 11 floral 9"
    ),
    "details": _shares("buttons 24 pocket 20 zip 12 belt 14 bow 12"),
}
"""Percentage of each class among the garments that have the attribute, with a moderate long tail.

A garment may have several details: the percentage of each is independent of the others.
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
    """One piece of clothing; a class is None where the attribute does not apply."""

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
    """Ground colour."""
    ink: Colour
    """Colour of pattern and bow."""
    accent: Colour
    """Second colour of a floral pattern."""
    ease: float
    """Tight to loose, 0 .. 1."""
    flare: float
    """Straight to wide, 0 .. 1."""
    repeat: float
    """Size of one repeat of the pattern in body units: the shoulders are 0.8 wide."""

    @property
    def is_upper(self) -> bool:
        """Whether the piece covers the shoulders."""
        return self.kind in ("top", "dress")


@dataclass(frozen=True)
class Pose:
    """Position and build of the wearer."""

    shift: tuple[float, float]
    """Right and down, in picture widths."""
    zoom: float
    """Factor of the size."""
    tilt: float
    """Degrees."""
    build: float
    """Factor of the width of the body."""
    arms: tuple[float, float]
    """Degrees between the body and the left and right upper arm."""


@dataclass(frozen=True)
class Garment:
    """One picture of the catalogue before it is drawn."""

    piece: Piece
    """What the labels describe."""
    companion: Piece | None
    """A top or bottom in another colour, worn with the piece; None with a dress."""
    pose: Pose
    cover: Cover
    accessory: Colour
    """Colour of shoes and cover."""
    seed: int
    """Seed of the wearer, the room and the camera."""

    def labels(self) -> dict[str, tuple[str, ...]]:
        """Return the visible classes of each attribute.

        Attributes that do not apply or are hidden are absent; `details` is empty where the piece
        visibly has no details.
        """
        worn = {name: getattr(self.piece, name) for name in TAXONOMY.names}
        return {
            name: classes if isinstance(classes, tuple) else (classes,)
            for name, classes in worn.items()
            if classes is not None and name not in HIDDEN_BY[self.cover]
        }
