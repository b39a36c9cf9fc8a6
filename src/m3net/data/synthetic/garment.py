"""What a garment of the catalogue is: the classes that it shows, its wearer and its photo."""

from dataclasses import dataclass
from typing import Literal

from m3net.data.synthetic.attributes import TAXONOMY

Colour = tuple[int, int, int]
"""Red, green and blue, 0 .. 255."""

Kind = Literal["top", "dress", "skirt", "trousers"]
Cover = Literal["nothing", "scarf", "jacket", "bag", "close_up"]

HIDDEN_BY: dict[Cover, tuple[str, ...]] = {
    "nothing": (),
    "scarf": ("neckline", "collar", "details"),
    "jacket": ("sleeve_length",),
    "bag": ("details",),
    "close_up": ("sleeve_length", "hem_length", "trouser_length", "details"),
}
"""The attributes that nobody can tell from a picture, by what stands in the way."""


@dataclass(frozen=True)
class Piece:
    """One piece of clothing; a class is None where the attribute does not apply to it.

    Attributes:
        kind: What it is.
        colour: Class of its ground colour.
        pattern: Class of its pattern.
        sleeve_length: Class, of tops and dresses.
        neckline: Class, of tops and dresses without a collar.
        collar: Class, of tops and dresses.
        hem_length: Class, of tops, dresses and skirts.
        trouser_length: Class, of trousers.
        details: Classes, possibly none.
        tone: Ground colour as drawn.
        ink: Second colour, of the pattern and of trimmings.
        accent: Third colour, as of the centres of flowers.
        ease: How loosely it fits, 0 .. 1.
        flare: How far it widens below the waist, 0 .. 1.
        repeat: Size of one repeat of the pattern, in body units (shoulders are 0.8 wide).
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


@dataclass(frozen=True)
class Pose:
    """How the wearer stands and where.

    Attributes:
        shift: Of the wearer from the middle of the picture, in picture widths.
        zoom: Size relative to the usual framing.
        tilt: Rotation in degrees.
        build: Width relative to the usual body.
        arms: Angles of upper arm and forearm from the vertical in degrees, outwards
            positive, of the arm on the left and of the arm on the right of the picture.
    """

    shift: tuple[float, float]
    zoom: float
    tilt: float
    build: float
    arms: tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Scene:
    """All in the picture that is not clothing, and how it was photographed.

    Attributes:
        backdrop: "plain", "gradient", "plaster", "room" or "rack".
        wall: Colour of the backdrop.
        floor: Second colour of the backdrop.
        skin: Skin tone.
        hair: Hair colour.
        hairstyle: "short", "long" or "bun".
        carries_bag: Whether a bag hangs from one hand.
        others: Colours of shoes, bag, scarf and jacket, and of the clothes on a rack.
        light: Strength of the light from the right and from below, -1 .. 1.
        warmth: Of the light, -1 (blue) .. 1 (yellow).
        blur: Standard deviation in picture widths.
        noise: Standard deviation of the sensor noise in grey levels.
        seed: Of texture, folds and noise.
    """

    backdrop: str
    wall: Colour
    floor: Colour
    skin: Colour
    hair: Colour
    hairstyle: str
    carries_bag: bool
    others: tuple[Colour, Colour, Colour]
    light: tuple[float, float]
    warmth: float
    blur: float
    noise: float
    seed: int


@dataclass(frozen=True)
class Garment:
    """One picture of the catalogue before it is drawn.

    Attributes:
        piece: The piece of clothing that the labels speak of.
        companion: What is worn with it, in another colour; None with a dress.
        pose: How the wearer stands.
        scene: Surroundings and camera.
        cover: What hides a part of the piece.
    """

    piece: Piece
    companion: Piece | None
    pose: Pose
    scene: Scene
    cover: Cover

    def labels(self) -> dict[str, tuple[str, ...]]:
        """Give the classes of each attribute that can be told from the picture.

        An attribute that does not apply or is hidden is absent; `details` is present but empty
        where the whole piece is seen to have none.
        """
        shown: dict[str, tuple[str, ...]] = {}
        for name in TAXONOMY.names:
            worn = getattr(self.piece, name)
            if worn is not None and name not in HIDDEN_BY[self.cover]:
                shown[name] = worn if isinstance(worn, tuple) else (worn,)
        return shown
