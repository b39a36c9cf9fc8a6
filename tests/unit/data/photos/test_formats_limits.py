"""Images of too many pixels, and strips that are no photos."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from m3net.data.photos.formats import MAX_PIXELS
from m3net.data.photos.reader import FileReader, read_image
from m3net.data.records import Record
from m3net.errors import ImageReadError
from tests.support.photo_files import chunk, encode, write


def png_header(width: int, height: int) -> bytes:
    """Give a PNG that promises pixels and holds none."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start, end = chunk(b"IHDR", header), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + start + chunk(b"IDAT", zlib.compress(b"")) + end


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("height", [MAX_PIXELS // 10_000 + 1, 9_500, 60_000])
def test_too_many_pixels(tmp_path: Path, height: int) -> None:
    file = write(tmp_path, png_header(10_000, height))
    with pytest.raises(ImageReadError, match=f"more than {MAX_PIXELS} pixels"):
        read_image(file, None)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF"])
def test_a_strip_is_no_photo(tmp_path: Path, kind: str) -> None:
    for size in ((500, 10), (10, 500)):
        content = encode(Image.new("RGB", size), kind)
        assert read_image(write(tmp_path, content), None).shape == (*size[::-1], 3)
    for size in ((501, 10), (10, 501), (9000, 1)):
        file = write(tmp_path, encode(Image.new("RGB", size), kind))
        with pytest.raises(ImageReadError, match=f"{size[0]} x {size[1]}, one side more than 50"):
            read_image(file, None)


def test_a_box_must_not_show_a_strip(tmp_path: Path) -> None:
    write(tmp_path, encode(Image.new("RGB", (200, 200)), "PNG"), "a.png")
    reader = FileReader(tmp_path, margin=0.0)
    assert reader(Record("a.png", 2, (), (), (7, 0, 9, 100))).shape == (100, 2, 3)
    with pytest.raises(ImageReadError, match=r"box \(7, 0, 9, 101\) shows 2 x 101"):
        reader(Record("a.png", 2, (), (), (7, 0, 9, 101)))


def test_a_large_jpeg_is_read(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, size=(500, 700, 3), dtype=np.uint8)
    content = encode(Image.fromarray(noise), "JPEG", quality=95)
    assert len(content) > MAX_PIXELS // 512
    assert read_image(write(tmp_path, content), None).shape == (500, 700, 3)
