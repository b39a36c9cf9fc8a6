"""What the bytes of an image file tell before it is decoded: its format, and what is wrong."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

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
_JPEG, _JPEG_SCAN, _JPEG_END = b"\xff\xd8\xff", b"\xff\xda", b"\xff\xd9"
_PNG, _PNG_END = b"\x89PNG", b"IEND\xaeB`\x82"
# A JPEG spends a bit or more on 64 pixels, so that a smaller one cannot exceed MAX_PIXELS.
_SMALL_JPEG = MAX_PIXELS // 64 // 8
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


def find_problem(data: NDArray[np.uint8], formats: frozenset[str] | None = None) -> str | None:
    """Say what is wrong with a file that OpenCV would not complain of, or do harm to decode.

    Args:
        data: (n,) uint8, the file.
        formats: Names, as `format_of` gives them, of which the file must be one; None for any.
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
    if form == "png" and tail != _PNG_END and _PNG_END not in data.tobytes():
        return "the PNG is truncated"
    if form == "jpeg" and data.size < _SMALL_JPEG:
        return None
    return _size_problem(data)


def _has_jpeg_end(data: bytes) -> bool:
    """Say whether an end marker follows the first scan; that of a thumbnail stands before it."""
    place = 2
    while data[place : place + 1] == b"\xff" and data[place : place + 2] != _JPEG_SCAN:
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return data.find(_JPEG_END, place) >= 0


def _size_problem(data: NDArray[np.uint8]) -> str | None:
    """Say that the header promises more than MAX_PIXELS, before memory is asked for them."""
    try:
        with Image.open(io.BytesIO(data.tobytes())) as image:
            width, height = image.size
    except Image.DecompressionBombError:
        return f"more than {MAX_PIXELS} pixels"
    except (OSError, ValueError):
        return None  # OpenCV has the last word on what an image is.
    if width * height > MAX_PIXELS:
        return f"{width} x {height} are more than {MAX_PIXELS} pixels"
    return None
