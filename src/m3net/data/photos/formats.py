"""Check the bytes of an image file before they are decoded: format, completeness, size."""

import io
import re
import warnings
from collections.abc import Iterator

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from m3net.boundary.regular_file import ExcessError

FORMAT_OF_SUFFIX = {
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".jpe": "jpeg",
    ".jfif": "jpeg",
    ".png": "png",
    ".webp": "webp",
    ".bmp": "bmp",
    ".dib": "bmp",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".gif": "gif",
    ".avif": "avif",
    ".jp2": "jp2",
    ".pbm": "pnm",
    ".pgm": "pnm",
    ".ppm": "pnm",
    ".pnm": "pnm",
}
"""Image files that can be decoded; Pillow knows AVIF from version 11.3 on."""
MAX_PIXELS = 80_000_000
"""Default limit of an image's pixels."""
LARGEST_LIMIT = 178_956_970
"""Pillow opens no image with more pixels, so that no higher limit can be checked."""
_START = re.compile(
    rb"(?P<jpeg>\xff\xd8\xff)|(?P<png>\x89PNG)|(?P<webp>RIFF....WEBP)|(?P<bmp>BM)"
    rb"|(?P<tiff>II\*\0|MM\0\*)|(?P<gif>GIF8)|(?P<avif>....ftypavi[fs])|(?P<jp2>\0\0\0\x0cjP  )"
    rb"|(?P<pnm>P[1-6]\s)|(?P<html>(?:\xef\xbb\xbf)?\s*(?i:<(?:!doctype )?html))",
    re.DOTALL,
)
_PNG_END = b"IEND\xaeB`\x82"
_JPEG_SCAN, _JPEG_END = 0xDA, 0xD9
# Markers that start a frame: C0 to CF without the tables C4, C8 and CC.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Not a stuffed FF byte, a fill byte, a restart or the start of the image: no length follows these.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xff\xd0-\xd8])")
_MOST_MARKERS = 100_000
"""Metadata of 10 MiB takes 160 segments."""
_MOST_SCANS = 50
"""Progressive JPEGs have 10 to 25 scans; decoding 80 million pixels takes 0.1 s per scan."""
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257


def format_of(content: bytes) -> str | None:
    """Return the format of a file by its first bytes.

    Returns:
        A format of `FORMAT_OF_SUFFIX`; "html", which servers send in place of an image; None for
        any other.

    Example:
        >>> format_of(b"<!DOCTYPE html><title>404</title>")
        'html'
    """
    start = _START.match(content[:256])
    return start.lastgroup if start else None


def find_problem(
    content: bytes, formats: frozenset[str] | None = None, max_pixels: int = MAX_PIXELS
) -> str | None:
    """Return why a file must not be decoded; None if it may.

    OpenCV decodes truncated files without complaint, and allocates whatever a header promises.

    Args:
        content: The file.
        formats: Accepted results of `format_of`; None accepts any.
        max_pixels: Highest number of pixels.
    """
    if not content:
        return "the file is empty"
    form = format_of(content)
    if formats is not None and form not in formats:
        accepted = " or ".join(name.upper() for name in sorted(formats))
        return f"it holds {form.upper()}, not {accepted}" if form else f"it is not {accepted}"
    try:
        if form == "jpeg" and (problem := _jpeg_problem(content)):
            return problem
        if form == "png" and not _has_png_end(content):
            return "the PNG is truncated"
        size = _size_of(content, form)
    except ExcessError as error:
        return str(error)
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


def _jpeg_problem(content: bytes) -> str | None:
    """Check for an end behind the first scan, and count scans: OpenCV decodes each of them."""
    scans = (start for marker, start in _jpeg_markers(content) if marker == _JPEG_SCAN)
    # The end of a thumbnail precedes the first scan; some cameras append more behind the end.
    if content.rfind(bytes([0xFF, _JPEG_END]), next(scans, len(content))) < 0:
        return "the JPEG is truncated"
    # Counting bytes is fast, and enough for most files: pixels never look like scans.
    if content.count(bytes([0xFF, _JPEG_SCAN])) <= _MOST_SCANS:
        return None
    number = 1 + sum(1 for _ in scans)
    return f"the JPEG has {number} scans, more than {_MOST_SCANS}" if number > _MOST_SCANS else None


def _jpeg_markers(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield each marker up to the end of the image, with the index of the byte behind it."""
    offset = 2
    for _ in range(_MOST_MARKERS):
        found = _JPEG_MARKER.search(content, offset)
        if found is None:
            return
        marker, start = found[1][0], found.end()
        yield marker, start
        if marker == _JPEG_END:
            return
        offset = start + int.from_bytes(content[start : start + 2], "big")
    raise ExcessError(f"the JPEG has more than {_MOST_MARKERS:,} segments")


def _size_of(content: bytes, form: str | None) -> tuple[int, int] | None:
    """Read width and height from the header, before memory for the pixels is allocated.

    A file without a readable size is refused: in some formats OpenCV takes a few bytes for the
    header of gigabytes of pixels.
    """
    if form == "png" and content[12:16] == b"IHDR":
        return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")
    if form == "jpeg":
        return _jpeg_size(content)
    size = _size_by_pillow(content)
    return _tiff_size(content) if size is None and form == "tiff" else size


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """Read the first frame header, ten times as fast as Pillow."""
    for marker, start in _jpeg_markers(content):
        if marker in _JPEG_FRAMES and start + 7 <= len(content):
            height, width = content[start + 3 : start + 5], content[start + 5 : start + 7]
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
