"""A file that is no whole image gives an error that names it, and never pixels."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from m3net.data.photos.reader import read_image
from m3net.errors import ImageReadError
from tests.support.photo_files import chunk, encode, write


def photo(pixels: NDArray[np.uint8], kind: str) -> bytes:
    """Encode a photo as cameras do, with a thumbnail that has an end marker of its own."""
    picture = Image.fromarray(pixels)
    if kind == "PNG":
        return encode(picture, "PNG")
    thumbnail = encode(picture.resize((16, 12)), "JPEG")
    segment = b"Exif\0\0" + thumbnail
    return encode(picture, "JPEG", exif=segment, progressive=kind == "progressive JPEG")


KINDS = ["JPEG", "progressive JPEG", "PNG"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", [0, 5000])
def test_truncated_images_never_give_pixels(
    tmp_path: Path, pixels: NDArray[np.uint8], kind: str, padding: int
) -> None:
    content = photo(pixels, kind)
    read_image(write(tmp_path, content), None)
    for cut in {*range(1, len(content), 41), *range(len(content) - 12, len(content))}:
        # A download that was cut off leaves zeros where room was set aside.
        file = write(tmp_path, content[:cut] + bytes(padding))
        with pytest.raises(ImageReadError):
            read_image(file, "photos.csv, row 3")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("behind", [bytes(3000), b"another picture \xff\xda without an end"])
def test_more_behind_the_end_is_no_harm(
    tmp_path: Path, pixels: NDArray[np.uint8], kind: str, behind: bytes
) -> None:
    content = photo(pixels, kind)
    whole = read_image(write(tmp_path, content), None)
    np.testing.assert_array_equal(read_image(write(tmp_path, content + behind), None), whole)


def test_an_error_names_file_row_and_problem(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    jpeg = photo(pixels, "JPEG")
    broken = {
        "empty": (b"", "the file is empty"),
        "page": (b"<html>not found</html>", "not an image"),
        "cut.jpg": (jpeg[: len(jpeg) // 2], "the JPEG is truncated"),
        "cut.png": (photo(pixels, "PNG")[:-30], "the PNG is truncated"),
    }
    for name, (content, problem) in broken.items():
        file = write(tmp_path, content, name)
        with pytest.raises(ImageReadError) as caught:
            read_image(file, "photos.csv, row 17")
        for word in (
            str(file),
            "row 17",
            problem,
            "Replace the file or take it out",
        ):
            assert word in str(caught.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ImageReadError, match=r"none\.jpg: No such file"):
        read_image(tmp_path / "none.jpg", None)
    with pytest.raises(ImageReadError, match="directory"):
        read_image(tmp_path, None)


def test_a_header_that_only_opencv_understands(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    """Pillow refuses megabytes of text with an error of another kind than for broken images."""
    content = encode(Image.fromarray(pixels), "PNG")
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3_000_000)))
    start = content.index(b"IDAT") - 4
    file = write(tmp_path, content[:start] + text + content[start:])
    np.testing.assert_array_equal(read_image(file, None), pixels)
    with pytest.raises(ImageReadError, match="not an image"):
        read_image(write(tmp_path, content[:8] + chunk(b"IHDR", b"") + content[-12:]), None)
