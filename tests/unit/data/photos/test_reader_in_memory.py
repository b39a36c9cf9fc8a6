"""Images in memory become what the reader gives of the same images in files."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from m3net.data.photos.reader import read_image, to_pixels
from m3net.errors import ImageReadError

ORIENTATION = 0x0112


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    """Four channels of chance, the last of which is alpha."""
    return np.random.default_rng(0).integers(0, 256, (20, 30, 4)).astype(np.uint8)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_a_pil_image_is_read_as_its_file_is(
    tmp_path: Path, pixels: NDArray[np.uint8], mode: str
) -> None:
    image = Image.fromarray(pixels).convert("RGB" if mode == "P" else "RGBA").convert(mode)
    image.save(tmp_path / "a.png")
    expected = read_image(tmp_path / "a.png", None)
    np.testing.assert_array_equal(to_pixels(image, "image 0"), expected)
    with Image.open(tmp_path / "a.png") as lazy:
        np.testing.assert_array_equal(to_pixels(lazy, "image 0"), expected)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_array_is_read_as_its_file_is(
    tmp_path: Path, pixels: NDArray[np.uint8], channels: int
) -> None:
    array = pixels[..., :channels]
    Image.fromarray(array.squeeze()).save(tmp_path / "a.png")
    expected = read_image(tmp_path / "a.png", None)
    np.testing.assert_array_equal(to_pixels(array, "image 0"), expected)
    np.testing.assert_array_equal(to_pixels(array.squeeze(), "image 0"), expected)
    mirrored = to_pixels(array[:, ::-1], "image 0")
    np.testing.assert_array_equal(mirrored, expected[:, ::-1])
    assert mirrored.flags.c_contiguous


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_pil_image_is_turned_upright(
    tmp_path: Path, pixels: NDArray[np.uint8], orientation: int
) -> None:
    image = Image.fromarray(pixels[..., :3])
    image.getexif()[ORIENTATION] = orientation
    image.save(tmp_path / "a.png", exif=image.getexif())
    with Image.open(tmp_path / "a.png") as opened:
        found = to_pixels(opened, "image 0")
    np.testing.assert_array_equal(found, read_image(tmp_path / "a.png", None))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((4, 4, 3)), r"array of float64 and shape \(4, 4, 3\): give \(H, W, 3\) uint8"),
        (np.zeros((4, 4), np.uint16), "array of uint16"),
        (np.zeros((3, 5, 5), np.uint8), r"shape \(3, 5, 5\)"),
        (np.zeros((1, 4, 4, 3), np.uint8), r"shape \(1, 4, 4, 3\)"),
        (np.zeros(4, np.uint8), r"shape \(4,\)"),
        (np.zeros((0, 0, 3), np.uint8), "empty"),
        (np.zeros((0, 4, 3), np.uint8), "empty"),
        (np.zeros((2, 101, 3), np.uint8), "101 x 2, one side more than 50 times"),
        (Image.new("I;16", (4, 4)), "mode I;16: convert"),
        (Image.new("F", (4, 4)), "mode F: convert"),
        (7, "of type int: give a path, a PIL image or an array"),
    ],
)
def test_what_is_no_image_of_bytes_is_refused_with_a_remedy(image: object, words: str) -> None:
    with pytest.raises(ImageReadError, match=f"^image 5 .*{words}"):
        to_pixels(image, "image 5")


def test_a_file_that_pil_stumbles_over_is_refused(
    tmp_path: Path, pixels: NDArray[np.uint8]
) -> None:
    Image.fromarray(pixels).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    with (
        Image.open(tmp_path / "a.png") as image,
        pytest.raises(ImageReadError, match=r"image 0 cannot be decoded"),
    ):
        to_pixels(image, "image 0")
