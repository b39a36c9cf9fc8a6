"""Sample the garment of each index of the catalogue."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import TypeVar

import numpy as np

from m3net.data.synthetic.canvas import Colour, brightness, colours
from m3net.data.synthetic.garment import SHARES, Cover, Garment, Kind, Piece, Pose

# In the order of the classes of `colour`.
_CLOTH: dict[str, Colour] = dict(
    zip(
        SHARES["colour"],
        colours(
            "222126 f7f7f8 3874ce 8c8f95 202c5c d0282e f198b4 ccb08a 3c8452 f8eac4 f6c83a 701a2c"
        ),
        strict=True,
    )
)
_INKS = colours("faf8f2 2c2c36 ce4a46 3e5c9e f2c05c 548a68 eea8ba")
_KINDS: dict[Kind, int] = {"top": 40, "dress": 26, "skirt": 12, "trousers": 22}
_COVERS: dict[Kind, dict[Cover, int]] = {
    "top": {"nothing": 91, "scarf": 3, "jacket": 3, "close_up": 3},
    "dress": {"nothing": 90, "scarf": 2, "jacket": 3, "bag": 3, "close_up": 2},
    "skirt": {"nothing": 94, "bag": 3, "close_up": 3},
    "trousers": {"nothing": 94, "bag": 3, "close_up": 3},
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

Choice = TypeVar("Choice")


def sample_garment(seed: int, index: int) -> Garment:
    """Sample garment `index` (0 or more) of the catalogue with this seed (0 or more).

    Example:
        >>> sample_garment(0, 7) == sample_garment(0, 7)
        True
    """
    random = np.random.default_rng((seed, index))
    kind = _pick(random, _KINDS)
    piece = _piece(random, kind, _pick(random, SHARES["colour"]))
    others = [colour for colour in SHARES["colour"] if colour != piece.colour]
    companion = None
    if kind != "dress":
        companion = _companion(random, kind, _pick(random, SHARES["colour"], others))
    # A scarf would hide the colour of a crop top.
    covers = [c for c in _COVERS[kind] if (c, piece.hem_length) != ("scarf", "crop")]
    return Garment(
        piece=piece,
        companion=companion,
        cover=_pick(random, _COVERS[kind], covers),
        pose=_pose(random),
        accessory=_CLOTH[one_of(random, others)],
        seed=int(random.integers(2**31)),
    )


def _pick(
    random: np.random.Generator,
    shares: Mapping[Choice, int],
    among: Sequence[Choice] | None = None,
) -> Choice:
    """Draw a choice by its share, thirty times faster than `Generator.choice`."""
    choices = list(shares) if among is None else among
    ends = list(accumulate(shares[choice] for choice in choices))
    return choices[bisect_right(ends, random.random() * ends[-1])]


def one_of(random: np.random.Generator, choices: Sequence[Choice]) -> Choice:
    """Draw a choice, all with equal probability."""
    return choices[int(random.random() * len(choices))]


def _piece(random: np.random.Generator, kind: Kind, colour: str) -> Piece:
    """Draw a piece of a kind and colour."""
    sleeve = neckline = collar = None
    if kind in ("top", "dress"):
        collar = _pick(random, SHARES["collar"])
        neckline = _pick(random, SHARES["neckline"]) if collar == "none" else None
        sleeve = _pick(random, SHARES["sleeve_length"], _SLEEVES.get(neckline or ""))
    tone = _dye(random, _CLOTH[colour])
    ink = one_of(random, [i for i in _INKS if abs(brightness(i) - brightness(tone)) > 70])
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
        accent=one_of(random, [other for other in _INKS if other != ink]),
        ease=random.random(),
        flare=random.random(),
        repeat=0.17 + 0.07 * random.random(),
    )


def _dye(random: np.random.Generator, colour: Colour) -> Colour:
    """Vary a colour a little, as two dye baths do."""
    lighter, *hue = (random.random(4) - 0.5) * (14, 6, 6, 6)
    red, green, blue = np.clip(np.array(colour) + lighter + hue, 0, 255).round().astype(int)
    return int(red), int(green), int(blue)


def _details(random: np.random.Generator, kind: Kind) -> tuple[str, ...]:
    """Draw details independently, then take off those that others overlap."""
    worn = {name for name, share in SHARES["details"].items() if 100 * random.random() < share}
    if "buttons" in worn:
        worn.discard("zip")
    if kind == "top" or "bow" in worn:
        worn.discard("belt")
    return tuple(name for name in SHARES["details"] if name in worn)


def _companion(random: np.random.Generator, kind: Kind, colour: str) -> Piece:
    """Draw the bottom or top that goes with a piece, without details and mostly plain."""
    worn_with: Kind = "top"
    if kind == "top":
        worn_with = "trousers" if random.random() < 0.6 else "skirt"
    piece = _piece(random, worn_with, colour)
    quiet = random.random() < 0.6
    return replace(piece, details=(), pattern="plain" if quiet else piece.pattern)


def _pose(random: np.random.Generator) -> Pose:
    """Draw a pose."""
    across, down, zoom, tilt, build = random.uniform(-1, 1, size=5).tolist()
    left, right = (8 + 34 * random.random(2) ** 1.5).tolist()
    shift = (0.05 * across, 0.025 * down)
    return Pose(shift, 1 + 0.06 * zoom, 4 * tilt, 1 + 0.09 * build, arms=(left, right))
