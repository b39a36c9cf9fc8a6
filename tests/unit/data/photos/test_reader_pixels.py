"""Each format and kind of pixels gives the RGB that another decoder gives, turned as EXIF says."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from m3net.data.photos.listing import list_images
from m3net.data.photos.reader import read_image
from tests.support.photo_files import encode, write

# EXIF tag of the orientation.
ORIENTATION = 0x0112


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_kinds_are_exact(tmp_path: Path, pixels: NDArray[np.uint8], kind: str) -> None:
    found = read_image(write(tmp_path, encode(Image.fromarray(pixels), kind)), None)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, pixels)


def test_jpeg_equals_another_decoder(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    content = encode(Image.fromarray(pixels), "JPEG", quality=95)
    expected = np.asarray(Image.open(io.BytesIO(content)))
    assert np.abs(read_image(write(tmp_path, content), None).astype(int) - expected).max() <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path: Path, pixels: NDArray[np.uint8], orientation: int) -> None:
    picture = Image.fromarray(pixels)
    picture.getexif()[ORIENTATION] = orientation
    content = encode(picture, "JPEG", quality=95, subsampling=0, exif=picture.getexif())
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    found = read_image(write(tmp_path, content), None)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 2


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_what_exif_turns_is_turned_whatever_the_format(
    tmp_path: Path, pixels: NDArray[np.uint8], kind: str, orientation: int
) -> None:
    picture = Image.fromarray(pixels)
    picture.getexif()[ORIENTATION] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encode(picture, kind, exif=picture.getexif(), **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
    found = read_image(write(tmp_path, content), None)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= (2 if kind == "JPEG" else 0)


def test_grey_palette_16_bit_and_cmyk_become_rgb(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    picture = Image.fromarray(pixels)
    grey = picture.convert("L")
    np.testing.assert_array_equal(
        read_image(write(tmp_path, encode(grey, "PNG")), None), np.asarray(grey.convert("RGB"))
    )
    palette = picture.quantize(16)
    np.testing.assert_array_equal(
        read_image(write(tmp_path, encode(palette, "PNG")), None),
        np.asarray(palette.convert("RGB")),
    )
    deep = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    np.testing.assert_array_equal(
        read_image(write(tmp_path, encode(deep, "PNG")), None)[..., 1], pixels[..., 0]
    )
    content = encode(picture.convert("CMYK"), "JPEG", quality=95)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert np.abs(read_image(write(tmp_path, content), None).astype(int) - expected).max() <= 3


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        *(("L", "PNG"), ("1", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("P", "BMP"), ("P", "GIF")),
        *(("L", "TIFF"), ("RGBA", "TIFF"), ("P", "TIFF"), ("CMYK", "TIFF"), ("1", "TIFF")),
        *(("RGBA", "WEBP"), ("RGBA", "BMP")),
    ],
)
def test_each_kind_of_pixels_equals_another_decoder(
    tmp_path: Path, pixels: NDArray[np.uint8], mode: str, kind: str
) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encode(Image.fromarray(pixels).convert(mode), kind, **options)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    found = read_image(write(tmp_path, content), None)
    np.testing.assert_array_equal(found, expected)


def test_alpha_is_dropped(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    alpha = np.full((*pixels.shape[:2], 1), 7, dtype=np.uint8)
    content = encode(Image.fromarray(np.concatenate([pixels, alpha], axis=2)), "PNG")
    np.testing.assert_array_equal(read_image(write(tmp_path, content), None), pixels)


def test_a_transparent_palette_shows_its_colours(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    palette = Image.fromarray(pixels).quantize(16)
    content = encode(palette, "PNG", transparency=3)
    np.testing.assert_array_equal(
        read_image(write(tmp_path, content), None), np.asarray(palette.convert("RGB"))
    )


def test_16_bits_in_tiff_become_8(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    deep = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    found = read_image(write(tmp_path, encode(deep, "TIFF")), None)
    np.testing.assert_array_equal(found[..., 1], pixels[..., 0])


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_an_animation_the_first_picture_is_read(
    tmp_path: Path, pixels: NDArray[np.uint8], kind: str
) -> None:
    first, second = Image.fromarray(pixels), Image.fromarray(pixels[::-1].copy())
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encode(first, kind, save_all=True, append_images=[second], **options)
    opened = Image.open(io.BytesIO(content))
    assert getattr(opened, "n_frames", 1) == 2
    expected = np.asarray(opened.convert("RGB"))
    np.testing.assert_array_equal(read_image(write(tmp_path, content), None), expected)


def test_real_photos_equal_another_decoder() -> None:
    folder = os.environ.get("M3NET_FASHION_PRODUCTS")
    if folder is None:
        pytest.skip("M3NET_FASHION_PRODUCTS does not name a folder with products.csv and images/")
    for path in list_images(Path(folder) / "images")[::200]:
        expected = np.asarray(Image.open(path).convert("RGB")).astype(int)
        assert np.abs(read_image(Path(path), None) - expected).max() <= 4
