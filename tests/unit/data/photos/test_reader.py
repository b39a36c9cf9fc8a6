"""Records to pixels: the file below its root, its format, and the box that is cut out of it."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from m3net.data.photos.reader import FileReader
from m3net.data.records import Record
from m3net.errors import ConfigError, ImageReadError
from tests.support.photo_files import encode, write


def test_reader_joins_root_and_path(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    write(tmp_path, encode(Image.fromarray(pixels), "PNG"), "ærmer.png")
    reader = FileReader(tmp_path)
    np.testing.assert_array_equal(reader(Record("ærmer.png", 2, (), ())), pixels)
    with pytest.raises(ImageReadError, match=r"none\.png \(a\.csv, row 9\)"):
        reader(Record("none.png", 9, (), (), file="a.csv"))


def test_formats_are_told_by_content_not_by_suffix(
    tmp_path: Path, pixels: NDArray[np.uint8]
) -> None:
    picture = Image.fromarray(pixels)
    contents = {kind: encode(picture, kind) for kind in ("JPEG", "PNG", "GIF", "WEBP", "BMP")}
    contents["TIFF"] = encode(picture, "TIFF")
    contents["HTML"] = b"\xef\xbb\xbf\n <!DOCTYPE HTML>\n<title>404 not found</title>"
    for kind, content in contents.items():
        write(tmp_path, content, "a.jpg")
        for wanted in ("JPEG", "PNG", "WEBP"):
            reader = FileReader(tmp_path, formats=frozenset({wanted.lower()}))
            if kind == wanted:
                assert reader(Record("a.jpg", 7, (), (), file="a.csv")).shape == pixels.shape
                continue
            with pytest.raises(ImageReadError, match=f"row 7.*it holds {kind}, not {wanted}"):
                reader(Record("a.jpg", 7, (), (), file="a.csv"))
    either = FileReader(tmp_path, formats=frozenset({"jpeg", "png"}))
    with pytest.raises(ImageReadError, match="it holds HTML, not JPEG or PNG"):
        either(Record("a.jpg", 7, (), (), file="a.csv"))
    write(tmp_path, b"no magic number", "a.jpg")
    with pytest.raises(ImageReadError, match="it is not JPEG or PNG"):
        either(Record("a.jpg", 7, (), (), file="a.csv"))


@pytest.mark.parametrize(
    ("margin", "shown"),
    [
        (0.0, (10, 5, 30, 45)),
        (0.2, (6, 0, 34, 48)),  # 0.2 of 20 wide is 4, of 40 high is 8: above and below clipped
        (9.0, (0, 0, 64, 48)),
    ],
)
def test_a_box_is_cut_out_with_its_margin(
    tmp_path: Path, pixels: NDArray[np.uint8], margin: float, shown: tuple[int, int, int, int]
) -> None:
    write(tmp_path, encode(Image.fromarray(pixels), "PNG"), "a.png")
    record = Record("a.png", 2, (), (), (10, 5, 30, 45))
    expected = np.asarray(Image.fromarray(pixels).crop(shown))
    np.testing.assert_array_equal(FileReader(tmp_path, margin=margin)(record), expected)
    np.testing.assert_array_equal(FileReader(tmp_path)(record), pixels)


@pytest.mark.parametrize(
    "box", [(10, 5, 10, 45), (30, 5, 10, 45), (-1, 0, 9, 9), (0, 0, 65, 48), (0, 40, 64, 49)]
)
def test_a_box_that_is_empty_or_leaves_the_image(
    tmp_path: Path, pixels: NDArray[np.uint8], box: tuple[int, int, int, int]
) -> None:
    write(tmp_path, encode(Image.fromarray(pixels), "PNG"), "a.png")
    with pytest.raises(ImageReadError) as caught:
        FileReader(tmp_path, margin=0.1)(Record("a.png", 4, (), (), box, "a.csv"))
    for word in ("a.png", "row 4", str(box), "64 x 48"):
        assert word in str(caught.value)


def test_a_crop_without_a_box_or_with_a_wrong_margin(
    tmp_path: Path, pixels: NDArray[np.uint8]
) -> None:
    write(tmp_path, encode(Image.fromarray(pixels), "PNG"), "a.png")
    with pytest.raises(ImageReadError, match=r"row 4.* no box"):
        FileReader(tmp_path, margin=0.0)(Record("a.png", 4, (), (), file="a.csv"))
    for margin in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="margin"):
            FileReader(tmp_path, margin=margin)
