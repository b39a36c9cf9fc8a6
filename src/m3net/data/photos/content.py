"""What the bytes of an image file tell before it is decoded: its format, and what is wrong."""

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from m3net.errors import ConfigError

FORMAT_OF_SUFFIX = {
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".png": "png",
    ".webp": "webp",
    ".bmp": "bmp",
    ".tif": "tiff",
    ".tiff": "tiff",
}
MAX_PIXELS = 80_000_000
_MOST_PIXELS = 178_956_970
"""Twice Pillow's own limit: from there on it reads no header."""
_JPEG, _JPEG_SCAN, _JPEG_END = b"\xff\xd8\xff", b"\xff\xda", b"\xff\xd9"
_PNG, _PNG_END = b"\x89PNG", b"IEND\xaeB`\x82"
# Start of frame: all from C0 to CF but the tables C4, C8 and CC.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Restarts, start and end, a byte FF of the pixels, one that fills up: no length stands behind them.
_NO_LENGTH = frozenset({0x00, 0x01, 0xFF, *range(0xD0, 0xDA)})
_MOST_SCANS = 50
"""Usual progressive JPEGs have 10, the smallest up to 25; each takes 0.1 s of 80 million pixels."""
_WIDTH, _HEIGHT = 256, 257
"""Tags of TIFF."""
_STARTS = {
    _JPEG: "jpeg",
    _PNG: "png",
    b"GIF8": "gif",
    b"BM": "bmp",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
}


def format_of(data: NDArray[np.uint8]) -> str | None:
    """Name the format that the first bytes of a file give away.

    Args:
        data: (n,) uint8, the file.

    Returns:
        "jpeg", "png", "webp", "bmp", "tiff", "gif", "html", which servers send in place of an
        image, or None for any other.

    Example:
        >>> format_of(np.frombuffer(b"<!DOCTYPE html><title>404</title>", np.uint8))
        'html'
    """
    head = data[:256].tobytes()
    for start, name in _STARTS.items():
        if head.startswith(start):
            return name
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return "html" if text.startswith((b"<!doctype html", b"<html")) else None


def check_max_pixels(max_pixels: int) -> None:
    """Refuse a limit that no header could be held against.

    Raises:
        ConfigError: It is out of range.
    """
    if not 1 <= max_pixels <= _MOST_PIXELS:
        raise ConfigError(
            f"data.loading.max_pixels is {max_pixels}: set it from 1 to {_MOST_PIXELS}."
        )


def find_problem(
    data: NDArray[np.uint8], formats: frozenset[str] | None = None, max_pixels: int = MAX_PIXELS
) -> str | None:
    """Say what is wrong with a file that OpenCV would not complain of, or do harm to decode.

    Args:
        data: (n,) uint8, the file.
        formats: Names, as `format_of` gives them, of which the file must be one; None for any.
        max_pixels: How many the image may have.
    """
    if not data.size:
        return "the file is empty"
    form = format_of(data)
    if formats is not None and form not in formats:
        wanted = " or ".join(name.upper() for name in sorted(formats))
        return f"it holds {form.upper()}, not {wanted}" if form else f"it is not {wanted}"
    tail = data[-8:].tobytes()
    # OpenCV may fill what is missing with grey. Some cameras put more behind the end marker.
    if form == "jpeg" and not tail.endswith(_JPEG_END) and not _has_jpeg_end(data.tobytes()):
        return "the JPEG is truncated"
    if form == "jpeg" and (scans := _num_scans(data.tobytes())) > _MOST_SCANS:
        return f"the JPEG has {scans} scans, of which each is decoded: more than {_MOST_SCANS}"
    if form == "png" and not _has_png_end(data.tobytes()):
        return "the PNG is truncated"
    return _size_problem(data, form, max_pixels)


def _has_png_end(data: bytes) -> bool:
    """Go from chunk to chunk up to the last; OpenCV would take gigabytes if one promised them."""
    place = 8
    while data[place + 4 : place + 8] not in (b"", b"IEND"):
        place += 12 + int.from_bytes(data[place : place + 4], "big")
    return data[place + 4 : place + 12] == _PNG_END


def _has_jpeg_end(data: bytes) -> bool:
    """Say whether an end marker follows the first scan; that of a thumbnail stands before it."""
    place = 2
    while data[place : place + 1] == b"\xff" and data[place : place + 2] != _JPEG_SCAN:
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return data.find(_JPEG_END, place) >= 0


def _num_scans(data: bytes) -> int:
    """Count the scans, or bound their number from above where that is within the limit."""
    if (most := data.count(_JPEG_SCAN)) <= _MOST_SCANS:
        return most
    place, number = 2, 0
    while place + 4 <= len(data) and number <= most:
        marker = data[place : place + 2]
        if marker[:1] != b"\xff" or marker == _JPEG_END:
            # Between segments lie the pixels of a scan, or behind the end another file.
            place = data.find(b"\xff", place + 1) if marker != _JPEG_END else -1
            if place < 0:
                break
        elif marker[1] in _NO_LENGTH:
            place += 1 if marker[1] == 0xFF else 2
        else:
            number += marker == _JPEG_SCAN
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return number


def _size_problem(data: NDArray[np.uint8], form: str | None, max_pixels: int) -> str | None:
    """Say that the header promises too much, before memory is asked for it.

    What has no header that tells its size is not decoded: OpenCV would believe a few bytes of some
    formats that they are gigabytes of pixels.
    """
    content = data.tobytes()
    size = _png_size(content) if form == "png" else None
    if form == "jpeg":
        size = _jpeg_size(content)
    if size is None:
        try:
            size = _size_by_pillow(content)
        except Image.DecompressionBombError:
            return f"it has more than {_MOST_PIXELS} pixels"
    if size is None and form == "tiff":
        size = _tiff_size(content)
    if size is None:
        return "not an image, or a damaged one"
    width, height = size
    if width * height > max_pixels:
        return f"{width} x {height} are more than {max_pixels} pixels (data.loading.max_pixels)"
    return None


def _png_size(content: bytes) -> tuple[int, int] | None:
    """Read the chunk that stands first in every PNG."""
    if content[12:16] != b"IHDR":
        return None
    return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """Go from marker to marker up to the frame; Pillow would take ten times as long."""
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker in _JPEG_FRAMES:
            height, width = content[place + 5 : place + 7], content[place + 7 : place + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        # A marker may be filled up by any number of FF.
        length = int.from_bytes(content[place + 2 : place + 4], "big")
        place += 1 if marker == 0xFF else 2 + length
    return None


def _size_by_pillow(content: bytes) -> tuple[int, int] | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(content)) as image:
                return image.size
        except Image.DecompressionBombError:
            raise
        except Exception:  # noqa: BLE001 - broken headers make its readers stumble over anything
            return None


def _tiff_size(content: bytes) -> tuple[int, int] | None:
    """Read the two tags alone: Pillow refuses the kinds of pixels that it does not know."""
    try:
        tags = ImageFileDirectory_v2(content[:8])
        stream = io.BytesIO(content)
        stream.seek(tags.next)
        tags.load(stream)
        return int(tags[_WIDTH]), int(tags[_HEIGHT])
    except Exception:  # noqa: BLE001 - as above
        return None
