"""What is seen in the drawn pictures."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from m3net.data.synthetic import TAXONOMY, Garment, draw, sample_garment
from m3net.data.synthetic.garment import Pose
from m3net.errors import ConfigError

SIZE = 112
UPRIGHT = Pose(shift=(0, 0), zoom=1, tilt=0, build=1, arms=(14, 14))
SEEN_DIFFERENCE = 24  # grey levels: more than noise and shading do


def wearing(garment: Garment, attribute: str, name: str) -> Garment:
    """The same picture with another class of one attribute."""
    worn: Any = (name,) if attribute == "details" else name
    return replace(garment, piece=replace(garment.piece, **{attribute: worn}))


def changed(first: Garment, second: Garment) -> NDArray[np.bool_]:
    """Where two pictures differ to the eye, (SIZE, SIZE)."""
    difference = np.abs(draw(first, SIZE).astype(int) - draw(second, SIZE))
    return np.asarray(difference.max(axis=2) > SEEN_DIFFERENCE)


def uncovered(kind: str, count: int) -> list[Garment]:
    """The first garments of a kind that nothing covers, without collar, pattern or details."""
    collar = "none" if kind in ("top", "dress") else None
    found: list[Garment] = []
    index = 0
    while len(found) < count:
        garment = sample_garment(11, index)
        index += 1
        fits = garment.piece.kind == kind and garment.cover == "nothing"
        if fits and garment.piece.collar == collar:
            piece = replace(garment.piece, pattern="plain", details=())
            found.append(replace(garment, piece=piece))
    return found


def upright(kind: str, count: int) -> list[Garment]:
    """The same garments, all in the same pose."""
    return [replace(garment, pose=UPRIGHT) for garment in uncovered(kind, count)]


def digest(indices: range) -> str:
    pixels = b"".join(draw(sample_garment(2, index), SIZE).tobytes() for index in indices)
    return hashlib.sha256(pixels).hexdigest()


def test_pictures_are_the_same_in_any_order_and_process() -> None:
    alone = draw(sample_garment(2, 4), SIZE)
    here = digest(range(8))
    np.testing.assert_array_equal(alone, draw(sample_garment(2, 4), SIZE))
    program = (
        "import hashlib; from m3net.data.synthetic import draw, sample_garment; "
        "pictures = {i: draw(sample_garment(2, i), 112).tobytes() for i in reversed(range(8))}; "
        "print(hashlib.sha256(b''.join(pictures[i] for i in range(8))).hexdigest())"
    )
    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert there.stdout.strip() == here, there.stderr


@pytest.mark.parametrize("size", [64, 112, 224, 256])
def test_a_picture_looks_the_same_at_any_size(size: int) -> None:
    for index in range(12):
        garment = sample_garment(4, index)
        picture = draw(garment, size)
        assert picture.shape == (size, size, 3)
        assert picture.dtype == np.uint8
        # Compared at the size of an icon, where neither sharpness nor noise counts.
        icon = cv2.resize(picture, (32, 32), interpolation=cv2.INTER_AREA).astype(float)
        usual = cv2.resize(draw(garment, 128), (32, 32), interpolation=cv2.INTER_AREA)
        assert np.abs(icon - usual).mean() < 4


@pytest.mark.parametrize("size", [0, 31, 1025])
def test_a_size_out_of_range_is_refused(size: int) -> None:
    with pytest.raises(ConfigError, match=str(size)):
        draw(sample_garment(0, 0), size)


@pytest.mark.parametrize(
    ("kind", "attribute"),
    [
        ("top", "sleeve_length"),
        ("dress", "sleeve_length"),
        ("top", "neckline"),
        ("dress", "neckline"),
        ("top", "collar"),
        ("dress", "collar"),
        ("skirt", "hem_length"),
        ("trousers", "trouser_length"),
        ("top", "pattern"),
        ("dress", "details"),
        ("trousers", "details"),
    ],
)
def test_any_two_classes_can_be_told_apart(kind: str, attribute: str) -> None:
    """At least 20 of the 12 544 pixels change visibly, in each picture and for each pair."""
    names = TAXONOMY.attributes[TAXONOMY.names.index(attribute)].classes
    if attribute == "hem_length":
        names = ("knee", "midi", "floor")
    for garment in uncovered(kind, 4):
        base = replace(garment, piece=replace(garment.piece, neckline="round"))
        variants = [draw(wearing(base, attribute, n), SIZE).astype(int) for n in names]
        for number, first in enumerate(variants):
            for second in variants[number + 1 :]:
                seen = np.abs(first - second).max(axis=2) > SEEN_DIFFERENCE
                assert seen.sum() >= 20


def share_inside(change: NDArray[np.bool_], rows: slice, columns: slice) -> float:
    assert change.any()
    return float(change[rows, columns].sum() / change.sum())


# Each region is the place of the named part of a wearer who stands upright, in picture widths.
@pytest.mark.parametrize(
    ("kind", "attribute", "one", "other", "top", "bottom", "left", "right"),
    [
        ("top", "neckline", "round", "v", 0.2, 0.5, 0.35, 0.65),
        ("top", "neckline", "square", "boat", 0.2, 0.45, 0.25, 0.75),
        ("top", "collar", "shirt", "peter_pan", 0.15, 0.45, 0.3, 0.7),
        ("top", "hem_length", "crop", "hip", 0.5, 0.95, 0.2, 0.8),
        ("dress", "hem_length", "knee", "floor", 0.4, 1.0, 0.2, 0.8),
        ("dress", "hem_length", "knee", "midi", 0.4, 0.9, 0.2, 0.8),
        ("skirt", "hem_length", "midi", "floor", 0.3, 1.0, 0.1, 0.9),
        ("trousers", "trouser_length", "shorts", "full", 0.4, 1.0, 0.25, 0.75),
        ("dress", "details", "buttons", "zip", 0.15, 0.9, 0.42, 0.58),
        ("skirt", "details", "belt", "pocket", 0.2, 0.5, 0.3, 0.7),
    ],
)
def test_a_class_changes_its_own_part_of_the_picture(
    kind: str,
    attribute: str,
    one: str,
    other: str,
    top: float,
    bottom: float,
    left: float,
    right: float,
) -> None:
    rows = slice(round(top * SIZE), round(bottom * SIZE))
    columns = slice(round(left * SIZE), round(right * SIZE))
    for garment in upright(kind, 3):
        change = changed(wearing(garment, attribute, one), wearing(garment, attribute, other))
        assert share_inside(change, rows, columns) > 0.95


def test_sleeves_change_the_arms_and_not_the_trunk() -> None:
    for garment in upright("top", 4):
        base = wearing(garment, "neckline", "round")
        change = changed(
            wearing(base, "sleeve_length", "short"), wearing(base, "sleeve_length", "long")
        )
        trunk = share_inside(change, slice(None), slice(round(0.34 * SIZE), round(0.66 * SIZE)))
        assert trunk < 0.05
        assert change[:, : SIZE // 2].sum() > 50
        assert change[:, SIZE // 2 :].sum() > 50


def middle_colour(garment: Garment) -> NDArray[np.float64]:
    """The median colour of two patches beside the middle, where every garment is."""
    picture = draw(garment, SIZE)
    rows = slice(round(0.42 * SIZE), round(0.5 * SIZE))
    patches = [
        picture[rows, round(a * SIZE) : round(b * SIZE)] for a, b in ((0.39, 0.46), (0.54, 0.61))
    ]
    return np.asarray(np.median(np.concatenate(patches, axis=1).reshape(-1, 3), axis=0))


def test_the_colour_is_seen() -> None:
    """A nearest-mean classifier of a few pixels names the colour of plain garments."""
    garments = [sample_garment(8, index) for index in range(1200)]
    plain = [
        garment
        for garment in garments
        if garment.piece.pattern == "plain" and garment.cover == "nothing"
    ]
    colours = np.array([garment.piece.colour for garment in plain])
    seen = np.array([middle_colour(garment) for garment in plain])
    half = len(plain) // 2
    names = np.unique(colours)
    means = np.array([seen[:half][colours[:half] == name].mean(axis=0) for name in names])
    distances = np.linalg.norm(seen[half:, None] - means[None], axis=2)
    correct = names[distances.argmin(axis=1)] == colours[half:]
    assert len(names) == 12
    assert correct.mean() > 0.9
