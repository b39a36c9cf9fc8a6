import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from m3net.data.photos.preparation import CopySettings, small_copy
from m3net.data.photos.reader import read_image
from m3net.errors import ConfigError
from tests.support.photo_files import encode

ORIENTATION = 0x0112
KIND_OF_SUFFIX = {
    ".jpg": "JPEG",
    ".JPEG": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".TIFF": "TIFF",
}


@pytest.fixture
def photo() -> Image.Image:
    """A smooth picture of 60 x 90 in which no edge, corner or channel looks like another."""
    rows, columns = np.mgrid[0:90, 0:60]
    pixels = np.stack([rows * 2, columns * 4, 255 - rows - columns], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def copy(
    folder: Path, content: bytes, suffix: str, settings: CopySettings
) -> tuple[str, bytes, Image.Image]:
    file = folder / f"source{suffix}"
    file.write_bytes(content)
    action, made = small_copy(content, read_image(file, None), suffix, settings)
    return action, made, Image.open(io.BytesIO(made))


def by_area(picture: Image.Image, factor: int) -> NDArray[np.float64]:
    """Shrink by a whole factor: each pixel is the mean of a square."""
    pixels = np.asarray(picture, dtype=np.float64)
    height, width = pixels.shape[0] // factor, pixels.shape[1] // factor
    squares = pixels.reshape(height, factor, width, factor, 3)
    return np.asarray(squares.mean(axis=(1, 3)))


@pytest.mark.parametrize(
    ("resize", "side", "size"),
    [("short", 30, (30, 45)), ("long", 45, (30, 45)), ("long", 30, (20, 30)), ("short", 1, (1, 2))],
)
def test_one_side_gets_its_length(
    tmp_path: Path, photo: Image.Image, resize: str, side: int, size: tuple[int, int]
) -> None:
    settings = CopySettings(side, "short" if resize == "short" else "long")
    action, _, made = copy(tmp_path, encode(photo, "PNG"), ".png", settings)
    assert (action, made.size) == ("resized", size)


@pytest.mark.parametrize("suffix", KIND_OF_SUFFIX)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_copy_is_what_its_name_says(
    tmp_path: Path, photo: Image.Image, kind: str, suffix: str
) -> None:
    content = encode(photo, kind, quality=95)
    action, _, made = copy(tmp_path, content, suffix, CopySettings(side=20))
    assert (action, made.format) == ("resized", KIND_OF_SUFFIX[suffix])
    assert np.abs(np.asarray(made.convert("RGB")) - by_area(photo, 3)).mean() < 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("side", [20, 500])
def test_a_copy_is_upright_without_exif(
    tmp_path: Path, photo: Image.Image, kind: str, orientation: int, side: int
) -> None:
    exif = photo.getexif()
    exif[ORIENTATION] = orientation
    content = encode(photo, kind, quality=95, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    action, _, made = copy(tmp_path, content, f".{kind.lower()}", CopySettings(side))
    assert made.getexif().get(ORIENTATION, 1) == 1
    expected = by_area(upright, 3 if side == 20 else 1)
    assert np.abs(np.asarray(made).astype(float) - expected).mean() < 2
    assert action == ("resized" if side == 20 else "copied" if orientation == 1 else "encoded")


@pytest.mark.parametrize(("resize", "side"), [("short", 60), ("long", 90), ("short", 1000)])
def test_a_small_photo_is_copied_byte_for_byte(
    tmp_path: Path, photo: Image.Image, resize: str, side: int
) -> None:
    content = encode(photo.convert("CMYK"), "JPEG", quality=30)
    settings = CopySettings(side, "short" if resize == "short" else "long")
    assert copy(tmp_path, content, ".jpg", settings)[:2] == ("copied", content)


@pytest.mark.parametrize(("kind", "suffix"), [("PNG", ".jpg"), ("JPEG", ".png"), ("GIF", ".jpg")])
def test_a_small_photo_with_a_wrong_name_is_encoded(
    tmp_path: Path, photo: Image.Image, kind: str, suffix: str
) -> None:
    action, _, made = copy(tmp_path, encode(photo, kind), suffix, CopySettings(side=60))
    assert (action, made.format, made.size) == ("encoded", KIND_OF_SUFFIX[suffix], photo.size)


def test_exif_that_cannot_be_understood_is_not_copied(tmp_path: Path, photo: Image.Image) -> None:
    exif = photo.getexif()
    exif[ORIENTATION] = 1
    content = encode(photo, "WEBP", exif=exif)
    assert copy(tmp_path, content, ".webp", CopySettings(side=60))[:2] == ("copied", content)
    spoilt = content.replace(b"MM\0*", b"no\0*")
    assert spoilt != content
    assert copy(tmp_path, spoilt, ".webp", CopySettings(side=60))[0] == "encoded"


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_quality_costs_bytes(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, size=(64, 64, 3), dtype=np.uint8)
    content = encode(Image.fromarray(noise), "PNG")
    sizes = [
        len(copy(tmp_path, content, suffix, CopySettings(32, quality=quality))[1])
        for quality in (10, 60, 95)
    ]
    assert sizes == sorted({*sizes})


@pytest.mark.parametrize("wrong", [{"side": 0}, {"quality": 0}, {"quality": 101}])
def test_settings_that_give_no_image(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=rf"\b{next(iter(wrong))}\b"):
        CopySettings(**wrong)  # type: ignore[arg-type]  # mypy does not tell keys apart
