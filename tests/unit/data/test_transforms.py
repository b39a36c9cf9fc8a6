"""Transforms: what stays of a picture, what chance may change, and where chance comes from."""

import colorsys
import copy
import pickle
import warnings
from itertools import product
from typing import get_args

import albumentations as A
import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from m3net.data.transforms import Augmentation, Resize, Transform

Pixels = NDArray[np.uint8]

RESIZES: tuple[Resize, ...] = get_args(Resize)
AUGMENTATIONS: tuple[Augmentation, ...] = get_args(Augmentation)
CHANGING: tuple[Augmentation, ...] = ("light", "strong")
RED, GREEN, BLUE = (200, 0, 0), (0, 200, 0), (0, 0, 200)


def framed(height: int, width: int, border: int) -> Pixels:
    """A grey picture with a red top, a green bottom and blue sides."""
    picture = np.full((height, width, 3), 90, dtype=np.uint8)
    picture[:, :border] = picture[:, -border:] = BLUE
    picture[:border], picture[-border:] = RED, GREEN
    return picture


def noise(size: int = 32, seed: int = 0) -> Pixels:
    """A picture without two equal parts."""
    return np.random.default_rng(seed).integers(256, size=(size, size, 3), dtype=np.uint8)


def is_near(pixels: Pixels, colour: tuple[int, int, int]) -> bool:
    """Tell whether all pixels have nearly this colour."""
    return bool((np.abs(pixels.astype(int) - colour) <= 2).all())


@pytest.mark.parametrize(
    ("resize", "augmentation", "shape"),
    list(product(RESIZES, AUGMENTATIONS, [(50, 20), (20, 50), (24, 24), (7, 5), (300, 31)])),
)
def test_any_size_becomes_one(
    resize: Resize, augmentation: Augmentation, shape: tuple[int, int]
) -> None:
    found = Transform(24, resize, augmentation)(framed(*shape, border=1))
    assert found.shape == (24, 24, 3)
    assert found.dtype == np.uint8


def test_letterbox_keeps_the_edges_of_a_tall_picture_and_pads_with_white() -> None:
    found = Transform(64, "letterbox")(framed(256, 128, border=8))
    # A quarter of the size: 64 x 32, with 16 columns of white on either side.
    assert (found[:, :16] == 255).all()
    assert (found[:, -16:] == 255).all()
    assert is_near(found[:2, 16:48], RED)
    assert is_near(found[-2:, 16:48], GREEN)
    assert is_near(found[2:-2, 16:18], BLUE)
    assert is_near(found[2:-2, 46:48], BLUE)
    assert is_near(found[2:-2, 18:46], (90, 90, 90))


def test_letterbox_keeps_the_edges_of_a_wide_picture_and_pads_with_white() -> None:
    found = Transform(64, "letterbox")(framed(64, 128, border=8))
    assert (found[:16] == 255).all()
    assert (found[-16:] == 255).all()
    assert is_near(found[16:20], RED)
    assert is_near(found[44:48], GREEN)
    assert is_near(found[20:44, :4], BLUE)
    assert is_near(found[20:44, -4:], BLUE)


def test_letterbox_enlarges_a_small_picture_to_touch_the_frame() -> None:
    found = Transform(64, "letterbox")(framed(16, 8, border=2))
    assert is_near(found[0, 16:48], RED)
    assert is_near(found[-1, 16:48], GREEN)


def test_crop_takes_the_central_square() -> None:
    found = Transform(64, "crop")(framed(256, 128, border=8))
    # Half of the size: 128 x 64, of which top and bottom are cut off.
    assert is_near(found[:, :4], BLUE)
    assert is_near(found[:, -4:], BLUE)
    assert is_near(found[:, 4:-4], (90, 90, 90))


def test_stretch_keeps_all_and_fills_the_square() -> None:
    found = Transform(64, "stretch")(framed(256, 128, border=8))
    assert is_near(found[:2], RED)
    assert is_near(found[-2:], GREEN)
    assert is_near(found[2:-2, :4], BLUE)
    assert is_near(found[2:-2, 4:-4], (90, 90, 90))


@pytest.mark.parametrize("resize", RESIZES)
def test_shrinking_averages_the_area(resize: Resize) -> None:
    picture = noise(64)
    found = Transform(16, resize)(picture)
    # (16, 4, 16, 4, 3): mean over blocks of 4 x 4
    expected = picture.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3))
    assert np.abs(found - expected).max() <= 0.51


@pytest.mark.parametrize("resize", RESIZES)
def test_a_picture_of_the_right_size_is_left_as_it_is(resize: Resize) -> None:
    assert np.array_equal(Transform(32, resize, "none")(noise()), noise())


@pytest.mark.parametrize("resize", RESIZES)
def test_no_augmentation_draws_nothing(resize: Resize) -> None:
    state = torch.get_rng_state()
    once, again = (Transform(32, resize, "none")(framed(60, 40, 3)) for _ in range(2))
    assert np.array_equal(once, again)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_the_picture_that_is_given_stays_as_it_is(augmentation: Augmentation) -> None:
    picture = noise()
    transform = Transform(32, "letterbox", augmentation)
    for _ in range(30):
        transform(picture)
    assert np.array_equal(picture, noise())


def stream(transform: Transform, seed: int, length: int = 12) -> list[bytes]:
    """What becomes of one picture again and again after a start with this seed."""
    transform.restart(seed, 7)
    return [transform(noise()).tobytes() for _ in range(length)]


# Half of the pictures keep their place and size, and, but for the first, half their brightness.
@pytest.mark.parametrize(
    ("augmentation", "different"), [("geometric", 4), ("light", 8), ("strong", 8)]
)
def test_chance_follows_its_seeds_alone(augmentation: Augmentation, different: int) -> None:
    transform = Transform(32, "letterbox", augmentation)
    first = stream(transform, seed=0)
    np.random.seed(0)  # noqa: NPY002 - must not matter
    torch.manual_seed(1)
    assert stream(transform, seed=0) == first
    assert stream(Transform(32, "letterbox", augmentation), seed=0) == first
    assert stream(pickle.loads(pickle.dumps(transform)), seed=0) == first  # noqa: S301 - our own
    other = stream(transform, seed=1)
    assert sum(a == b for a, b in zip(first, other, strict=True)) < 4
    assert len(set(first)) > different


def hue(pixels: Pixels) -> float:
    """Median hue in degrees of the pixels that have a colour."""
    flat = pixels.reshape(-1, 3) / 255
    coloured = [colorsys.rgb_to_hsv(*pixel) for pixel in flat.tolist()]
    return float(np.median([360 * h for h, saturation, value in coloured if saturation * value]))


@pytest.mark.parametrize("augmentation", CHANGING)
@pytest.mark.parametrize("degrees", [20, 80, 140, 200, 260, 320])
def test_hue_stays(augmentation: Augmentation, degrees: int) -> None:
    colour = [round(255 * part) for part in colorsys.hsv_to_rgb(degrees / 360, 0.7, 0.6)]
    picture = np.full((16, 16, 3), colour, dtype=np.uint8)
    transform = Transform(16, "letterbox", augmentation)
    torch.manual_seed(degrees)
    changed = [transform(picture) for _ in range(40)]
    assert max(abs(hue(one) - degrees) for one in changed) < 4
    assert len({one.tobytes() for one in changed}) > 10


@pytest.mark.parametrize("resize", RESIZES)
def test_geometric_augmentation_leaves_colours_as_they_are(resize: Resize) -> None:
    transform = Transform(16, resize, "geometric")
    torch.manual_seed(0)
    for colour in np.random.default_rng(0).integers(256, size=(100, 3), dtype=np.uint8):
        picture = np.full((16, 16, 3), colour, dtype=np.uint8)
        assert np.array_equal(transform(picture), picture)


@pytest.mark.parametrize("augmentation", ["geometric", "light"])
def test_half_of_the_pictures_are_mirrored_and_none_is_turned(augmentation: Augmentation) -> None:
    # Left half dark, right half bright; top quarter black.
    picture = np.full((32, 32, 3), 60, dtype=np.uint8)
    picture[:, 16:] = 180
    picture[:8] = 0
    transform = Transform(32, "letterbox", augmentation)
    torch.manual_seed(0)
    mirrored = 0
    for _ in range(200):
        found = transform(picture).astype(int)
        assert found[-1].mean() > found[0].mean()
        mirrored += found[-1, 0, 0] > found[-1, -1, 0]
    # Four standard deviations of 200 tosses.
    assert abs(mirrored - 100) < 4 * 50**0.5


@pytest.mark.parametrize(("augmentation", "shade"), [("light", 0.5), ("geometric", 0.0)])
@pytest.mark.parametrize("size", [32, 45])
def test_augmentation_is_that_of_plain_steps(
    size: int, augmentation: Augmentation, shade: float
) -> None:
    transform = Transform(size, "letterbox", augmentation)
    transform.restart(0)
    plain = [
        A.HorizontalFlip(p=0.5),
        A.RandomResizedCrop(size=(size, size), scale=(0.75, 1.0), ratio=(0.85, 1.18), p=0.5),
        A.RandomBrightnessContrast(brightness_limit=0.15, contrast_limit=0.15, p=shade),
    ]
    generators = copy.deepcopy((transform._numpy, transform._python))
    for step in plain:
        step.set_random_state(*generators)
    met = set()
    for seed in range(100):
        expected = noise(size, seed)
        for step in plain:
            expected = step(image=expected)["image"]
        assert np.array_equal(transform(noise(size, seed)), expected)
        met.add(tuple(bool(step.get_applied_params()) for step in plain))
    assert met == set(product([False, True], [False, True], {False, shade > 0}))


@pytest.mark.parametrize("augmentation", ["geometric", "light"])
def test_many_pictures_stay_whole(augmentation: Augmentation) -> None:
    # Lengths need the hem: the last rows, a thirtieth of the picture, survive in most.
    picture = np.full((60, 60, 3), 60, dtype=np.uint8)
    picture[-2:] = (250, 250, 250)
    transform = Transform(60, "letterbox", augmentation)
    torch.manual_seed(0)
    kept = sum(int(np.ptp(transform(picture)[:, 30, 0].astype(int)) > 90) for _ in range(100))
    assert kept >= 50


def test_strong_augmentation_hides_rectangles_in_some_pictures() -> None:
    picture = np.full((40, 40, 3), 255, dtype=np.uint8)
    transform = Transform(40, "letterbox", "strong")
    torch.manual_seed(0)
    shares = [float((transform(picture) == 128).all(axis=2).mean()) for _ in range(200)]
    hidden = [share for share in shares if share > 0]
    assert abs(len(hidden) - 60) < 4 * (200 * 0.3 * 0.7) ** 0.5
    # One or two rectangles with sides of a tenth to a quarter.
    assert max(hidden) <= 2 * 0.25**2
    assert min(hidden) >= 0.1**2 - 1e-9


def test_no_argument_of_a_step_is_misspelt() -> None:
    # albumentations warns of arguments that it does not know, and drops them.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for resize, augmentation in product(RESIZES, AUGMENTATIONS):
            Transform(32, resize, augmentation)


def test_a_misspelt_argument_would_be_refused() -> None:
    transform = Transform(32, "letterbox", "light")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        misspelt = A.HorizontalFlip(probability=0.5)
    at_once = type(transform._augment.transforms[0])
    for steps in (transform._resize, transform._augment):
        for step in (misspelt, at_once([misspelt], p=1)):
            with pytest.raises(ValueError, match="probability"):
                A.Compose([step], strict=steps.strict)


def test_opencv_agrees_on_area_interpolation() -> None:
    picture = framed(100, 60, border=7)
    expected = cv2.resize(picture, (32, 32), interpolation=cv2.INTER_AREA)
    assert np.array_equal(Transform(32, "stretch")(picture), expected)
