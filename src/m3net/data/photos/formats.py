"""What the bytes of an image file say before they are decoded: format, completeness, size."""

import io
import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

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
"""Default limit of an image's pixels."""
LARGEST_LIMIT = 178_956_970
"""Pillow opens no image with more pixels, so that no higher limit can be checked."""
_STARTS = {
    b"\xff\xd8\xff": "jpeg",
    b"\x89PNG": "png",
    b"GIF8": "gif",
    b"BM": "bmp",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
}
_PNG_END = b"IEND\xaeB`\x82"
_JPEG_SCAN, _JPEG_END = b"\xff\xda", b"\xff\xd9"
# Markers that start a frame: C0 to CF without the tables C4, C8 and CC.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# No length follows a stuffed FF byte, a fill byte, a restart, or the start or end of the image.
_NO_LENGTH = frozenset({0x00, 0x01, 0xFF, *range(0xD0, 0xDA)})
_MOST_SCANS = 50
"""Progressive JPEGs have 10 to 25 scans; decoding 80 million pixels takes 0.1 s per scan."""
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257


def format_of(data: NDArray[np.uint8]) -> str | None:
    """Return the format of a file by its first bytes.

    Args:
        data: (n,) uint8, the file.

    Returns:
        "jpeg", "png", "webp", "bmp", "tiff", "gif", or "html", which servers send in place of an
        image; None for any other.

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


def find_problem(
    data: NDArray[np.uint8], formats: frozenset[str] | None = None, max_pixels: int = MAX_PIXELS
) -> str | None:
    """Return why a file must not be decoded; None if it may.

    OpenCV decodes truncated files without complaint, and allocates whatever a header promises.

    Args:
        data: (n,) uint8, the file.
        formats: Accepted results of `format_of`; None accepts any.
        max_pixels: Highest number of pixels.
    """
    if not data.size:
        return "the file is empty"
    form = format_of(data)
    if formats is not None and form not in formats:
        accepted = " or ".join(name.upper() for name in sorted(formats))
        return f"it holds {form.upper()}, not {accepted}" if form else f"it is not {accepted}"
    content = data.tobytes()
    if form == "jpeg" and not _has_jpeg_end(content):
        return "the JPEG is truncated"
    if form == "jpeg" and (scans := _num_scans(content)) > _MOST_SCANS:
        return f"the JPEG has {scans} scans, of which each is decoded: more than {_MOST_SCANS}"
    if form == "png" and not _has_png_end(content):
        return "the PNG is truncated"
    try:
        size = _size_of(content, form)
    except Image.DecompressionBombError:
        return f"it has more than {LARGEST_LIMIT} pixels"
    if size is None:
        return "not an image, or a damaged one"
    width, height = size
    if width * height > max_pixels:
        return f"{width} x {height} are more than {max_pixels} pixels (data.loading.max_pixels)"
    return None


def _has_png_end(content: bytes) -> bool:
    """Walk the chunks to the last one: OpenCV would allocate gigabytes if a chunk promised them."""
    offset = 8
    while content[offset + 4 : offset + 8] not in (b"", b"IEND"):
        offset += 12 + int.from_bytes(content[offset : offset + 4], "big")
    return content[offset + 4 : offset + 12] == _PNG_END


def _has_jpeg_end(content: bytes) -> bool:
    """Tell whether an end marker follows the first scan; that of a thumbnail precedes it."""
    # Some cameras append more behind the end marker.
    if content.endswith(_JPEG_END):
        return True
    header = max((end for _, _, end in _jpeg_segments(content)), default=2)
    return content.find(_JPEG_END, header) >= 0


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment up to the first scan's header."""
    start, marker = 2, 0
    while start + 4 <= len(content) and content[start] == 0xFF and marker != 0xDA:
        marker = content[start + 1]
        if marker == 0xFF:  # a fill byte before the marker
            start += 1
            continue
        end = start + 2 + int.from_bytes(content[start + 2 : start + 4], "big")
        yield marker, start, end
        start = end


def _num_scans(content: bytes) -> int:
    """Count the scans; up to the limit, an upper bound of their number is enough."""
    if (most := content.count(_JPEG_SCAN)) <= _MOST_SCANS:
        return most
    offset, scans = 2, 0
    while offset + 4 <= len(content) and scans <= most:
        marker = content[offset : offset + 2]
        if marker == _JPEG_END:
            break
        if marker[0] != 0xFF:  # the pixels of a scan
            offset = content.find(b"\xff", offset + 1)
            if offset < 0:
                break
        elif marker[1] in _NO_LENGTH:
            offset += 1 if marker[1] == 0xFF else 2
        else:
            scans += marker == _JPEG_SCAN
            offset += 2 + int.from_bytes(content[offset + 2 : offset + 4], "big")
    return scans


def _size_of(content: bytes, form: str | None) -> tuple[int, int] | None:
    """Read width and height from the header, before memory for the pixels is allocated.

    A file without a readable size is refused: in some formats OpenCV takes a few bytes for the
    header of gigabytes of pixels.
    """
    size = None
    if form == "png" and content[12:16] == b"IHDR":
        size = int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")
    elif form == "jpeg":
        size = _jpeg_size(content)
    size = size or _size_by_pillow(content)
    return _tiff_size(content) if size is None and form == "tiff" else size


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """Read the first frame header, ten times as fast as Pillow."""
    for marker, start, _ in _jpeg_segments(content):
        if marker in _JPEG_FRAMES and start + 9 <= len(content):
            height, width = content[start + 5 : start + 7], content[start + 7 : start + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
    return None


def _size_by_pillow(content: bytes) -> tuple[int, int] | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(content)) as image:
                return image.size
        except Image.DecompressionBombError:
            raise
        except Exception:  # noqa: BLE001 - Pillow raises anything on broken headers
            return None


def _tiff_size(content: bytes) -> tuple[int, int] | None:
    """Read the two tags alone: Pillow refuses pixel types that it does not know."""
    try:
        tags = ImageFileDirectory_v2(content[:8])
        stream = io.BytesIO(content)
        stream.seek(tags.next)
        tags.load(stream)
        return int(tags[_TIFF_WIDTH]), int(tags[_TIFF_HEIGHT])
    except Exception:  # noqa: BLE001 - Pillow raises anything on broken headers
        return None
