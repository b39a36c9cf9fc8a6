"""Draws the lots: which garment each index of the catalogue is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import TypeVar

import numpy as np

from m3net.data.synthetic.attributes import SHARES
from m3net.data.synthetic.garment import Colour, Cover, Garment, Kind, Piece, Pose, Scene
from m3net.data.synthetic.palette import (
    CLOTH,
    FLOORS,
    HAIRS,
    INKS,
    SKINS,
    WALLS,
    blend,
    brightness,
)

_KINDS: dict[Kind, float] = {"top": 0.4, "dress": 0.26, "skirt": 0.12, "trousers": 0.22}
_COVERS: dict[Kind, dict[Cover, float]] = {
    "top": {"nothing": 0.91, "scarf": 0.03, "jacket": 0.03, "close_up": 0.03},
    "dress": {"nothing": 0.9, "scarf": 0.02, "jacket": 0.03, "bag": 0.03, "close_up": 0.02},
    "skirt": {"nothing": 0.94, "bag": 0.03, "close_up": 0.03},
    "trousers": {"nothing": 0.94, "bag": 0.03, "close_up": 0.03},
}
_HEMS: dict[Kind, tuple[str, ...]] = {
    "top": ("crop", "hip"),
    "dress": ("knee", "midi", "floor"),
    "skirt": ("knee", "midi", "floor"),
}
_SLEEVES: dict[str, tuple[str, ...]] = {
    "halter": ("sleeveless",),
    "off_shoulder": ("sleeveless", "short", "elbow", "three_quarter", "long"),
}
_BACKDROPS = {"plain": 0.3, "gradient": 0.18, "plaster": 0.2, "room": 0.2, "rack": 0.12}

Choice = TypeVar("Choice")


def sample_garment(seed: int, index: int) -> Garment:
    """Give garment `index` of the catalogue with this seed, always the same.

    Args:
        seed: Of the whole catalogue, 0 or more.
        index: Place in the catalogue, 0 or more.

    Example:
        >>> sample_garment(0, 7) == sample_garment(0, 7)
        True
    """
    random = np.random.default_rng((seed, index))
    kind = _pick(random, _KINDS)
    piece = _piece(random, kind, _pick(random, SHARES["colour"]))
    other_colours = {c: share for c, share in SHARES["colour"].items() if c != piece.colour}
    companion = None
    if kind != "dress":
        companion = _companion(random, kind, _pick(random, other_colours))
    covers = _COVERS[kind]
    # A scarf over a crop top would hide its colour too.
    seemly = [c for c in covers if (c, piece.hem_length) != ("scarf", "crop")]
    cover = _pick(random, covers, seemly)
    return Garment(
        piece=piece,
        companion=companion,
        pose=_pose(random),
        scene=_scene(random, tuple(other_colours), carries_bag=cover == "nothing"),
        cover=cover,
    )


def _pick(
    random: np.random.Generator,
    shares: Mapping[Choice, float],
    among: Sequence[Choice] | None = None,
) -> Choice:
    """Draw one of some choices; `Generator.choice` does it too, but thirty times slower."""
    choices = list(shares) if among is None else list(among)
    ends = list(accumulate(shares[choice] for choice in choices))
    drawn = random.random() * ends[-1]
    return next(choice for choice, end in zip(choices, ends, strict=True) if drawn < end)


def _one_of(random: np.random.Generator, choices: Sequence[Choice]) -> Choice:
    """Draw one of some equally likely choices."""
    return choices[int(random.random() * len(choices))]


def _piece(random: np.random.Generator, kind: Kind, colour: str) -> Piece:
    """Draw one piece of clothing of a given kind and colour."""
    sleeve = neckline = collar = None
    if kind in ("top", "dress"):
        collar = _pick(random, SHARES["collar"])
        neckline = _pick(random, SHARES["neckline"]) if collar == "none" else None
        sleeve = _pick(random, SHARES["sleeve_length"], _SLEEVES.get(neckline or ""))
    tone = _dye(random, CLOTH[colour])
    contrasting = [ink for ink in INKS if abs(brightness(ink) - brightness(tone)) > 70]
    ink = _one_of(random, contrasting)
    return Piece(
        kind=kind,
        colour=colour,
        pattern=_pick(random, SHARES["pattern"]),
        sleeve_length=sleeve,
        neckline=neckline,
        collar=collar,
        hem_length=_pick(random, SHARES["hem_length"], _HEMS[kind]) if kind in _HEMS else None,
        trouser_length=_pick(random, SHARES["trouser_length"]) if kind == "trousers" else None,
        details=_details(random, kind),
        tone=tone,
        ink=ink,
        accent=_one_of(random, [other for other in INKS if other != ink]),
        ease=random.random(),
        flare=random.random(),
        repeat=0.17 + 0.07 * random.random(),
    )


def _dye(random: np.random.Generator, colour: Colour) -> Colour:
    """Vary a colour a little, as two dye baths do."""
    lighter, red, green, blue = (random.random(4) - 0.5) * (14, 6, 6, 6)
    varied = np.clip(np.array(colour) + lighter + np.array([red, green, blue]), 0, 255).round()
    return int(varied[0]), int(varied[1]), int(varied[2])


def _details(random: np.random.Generator, kind: Kind) -> tuple[str, ...]:
    """Draw the details of a piece, each on its own but where two would lie on one another."""
    worn = {detail for detail, share in SHARES["details"].items() if random.random() < share}
    if "buttons" in worn:
        worn.discard("zip")
    if kind == "top" or "bow" in worn:
        worn.discard("belt")
    return tuple(detail for detail in SHARES["details"] if detail in worn)


def _companion(random: np.random.Generator, kind: Kind, colour: str) -> Piece:
    """Draw what is worn with a piece: something below a top, a top above the rest."""
    worn_with: Kind = "top"
    if kind == "top":
        worn_with = "trousers" if random.random() < 0.6 else "skirt"
    piece = _piece(random, worn_with, colour)
    # The companion is quieter than the piece that the picture is about.
    quiet = random.random() < 0.6
    return replace(piece, details=(), pattern="plain" if quiet else piece.pattern)


def _pose(random: np.random.Generator) -> Pose:
    """Draw how the wearer stands."""
    across, down, zoom, tilt, build = random.uniform(-1, 1, size=5)
    return Pose(
        shift=(0.05 * across, 0.025 * down),
        zoom=1 + 0.06 * zoom,
        tilt=4 * tilt,
        build=1 + 0.09 * build,
        arms=(_arm(random), _arm(random)),
    )


def _arm(random: np.random.Generator) -> tuple[float, float]:
    """Draw one arm: hanging, held out, or with the hand on the hip."""
    upper, fore = random.random(2)
    if random.random() < 0.2:
        return 36 + 8 * upper, -38 - 10 * fore
    return 10 + 16 * upper, -6 + 28 * fore


def _scene(random: np.random.Generator, colours: Sequence[str], carries_bag: bool) -> Scene:
    """Draw surroundings and camera.

    Args:
        random: Draws the lots.
        colours: Those that the piece has not.
        carries_bag: Whether there may be a bag in one hand.
    """
    hair = _one_of(random, HAIRS)
    light = random.uniform(-1, 1, size=3)
    return Scene(
        backdrop=_pick(random, _BACKDROPS),
        wall=_dye(random, _one_of(random, WALLS)),
        floor=_dye(random, _one_of(random, FLOORS)),
        skin=_dye(random, _one_of(random, SKINS)),
        hair=blend(hair, (0, 0, 0), 0.2 * random.random()),
        hairstyle=_one_of(random, ("short", "long", "bun")),
        carries_bag=carries_bag and random.random() < 0.25,
        others=(
            CLOTH[_one_of(random, colours)],
            CLOTH[_one_of(random, colours)],
            CLOTH[_one_of(random, colours)],
        ),
        light=(float(light[0]), float(light[1])),
        warmth=float(light[2]),
        blur=0.004 * random.random() ** 2,
        noise=1 + 2.5 * random.random() ** 2,
        seed=int(random.integers(2**31)),
    )
