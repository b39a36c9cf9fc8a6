import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from m3net.data.photos.content import MAX_PIXELS
from m3net.data.photos.reader import FileReader, list_images, read_image
from m3net.data.records import Record
from m3net.errors import AnnotationError, ConfigError, DatasetNotFoundError, ImageReadError

# EXIF tag of the orientation.
ORIENTATION = 0x0112


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    """A smooth picture in which no edge, corner or channel looks like another."""
    rows, columns = np.mgrid[0:48, 0:64]
    return np.stack([rows * 5, columns * 3, 255 - rows - columns], axis=2).astype(np.uint8)


def encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def write(folder: Path, content: bytes, name: str = "photo") -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


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


def test_alpha_is_dropped(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    alpha = np.full((*pixels.shape[:2], 1), 7, dtype=np.uint8)
    content = encode(Image.fromarray(np.concatenate([pixels, alpha], axis=2)), "PNG")
    np.testing.assert_array_equal(read_image(write(tmp_path, content), None), pixels)


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


def chunk(kind: bytes, content: bytes) -> bytes:
    """Give a part of a PNG file."""
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def test_a_header_that_only_opencv_understands(tmp_path: Path, pixels: NDArray[np.uint8]) -> None:
    """Pillow refuses megabytes of text with an error of another kind than for broken images."""
    content = encode(Image.fromarray(pixels), "PNG")
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3_000_000)))
    start = content.index(b"IDAT") - 4
    file = write(tmp_path, content[:start] + text + content[start:])
    np.testing.assert_array_equal(read_image(file, None), pixels)
    with pytest.raises(ImageReadError, match="not an image"):
        read_image(write(tmp_path, content[:8] + chunk(b"IHDR", b"") + content[-12:]), None)


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


def test_images_of_a_folder(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "über/c.webp", "notes.txt", "über/products.csv"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    expected = [str(tmp_path / name) for name in ("a.png", "b.JPG", "über/c.webp")]
    assert list_images(tmp_path) == expected
    assert list_images(tmp_path / "a.png") == expected[:1]


def test_images_of_a_list(tmp_path: Path) -> None:
    text = "\ufeffb.jpg\r\n\r\n über/c.webp \r\n/photos/a.jpg\r\n"
    file = write(tmp_path, text.encode(), "list.txt")
    assert list_images(file) == [
        str(tmp_path / "b.jpg"),
        str(tmp_path / "über/c.webp"),
        "/photos/a.jpg",
    ]


def test_sources_without_images(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"none.*--data\.images"):
        list_images(tmp_path / "none")
    with pytest.raises(AnnotationError, match=r"list\.txt: it lists no path"):
        list_images(write(tmp_path, b"\n \n", "list.txt"))
    with pytest.raises(AnnotationError, match=r"list\.txt: not UTF-8"):
        list_images(write(tmp_path, b"\xe9.jpg", "list.txt"))
    with pytest.raises(ConfigError, match="holds no image"):
        list_images(tmp_path)


def test_real_photos_equal_another_decoder() -> None:
    folder = os.environ.get("M3NET_FASHION_PRODUCTS")
    if folder is None:
        pytest.skip("M3NET_FASHION_PRODUCTS does not name a folder with products.csv and images/")
    for path in list_images(Path(folder) / "images")[::200]:
        expected = np.asarray(Image.open(path).convert("RGB")).astype(int)
        assert np.abs(read_image(Path(path), None) - expected).max() <= 4


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
