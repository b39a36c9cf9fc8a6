"""From a file to pixels: the one place that decodes images, for training, test and prediction.

OpenCV decodes, turns the image as its EXIF orientation says and gives 8 bits and three channels of
whatever the file holds: an alpha channel is dropped, not blended, and colour profiles are ignored.
"""

import io
import math
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from m3net.data.records import Record
from m3net.errors import AnnotationError, ConfigError, DatasetNotFoundError, ImageReadError

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
MAX_PIXELS = 80_000_000
_JPEG, _JPEG_SCAN, _JPEG_END = b"\xff\xd8\xff", b"\xff\xda", b"\xff\xd9"
_PNG, _PNG_END = b"\x89PNG", b"IEND\xaeB`\x82"
# A JPEG spends a bit or more on 64 pixels, so that a smaller one cannot exceed MAX_PIXELS.
_SMALL_JPEG = MAX_PIXELS // 64 // 8


@dataclass(frozen=True)
class FileReader:
    """Reads the images of records from a folder.

    Attributes:
        root: Folder that the paths of the records start from.
        margin: None reads whole images. A number, 0 or more, reads the record's box, widened on
            each side by this share of its width or height as far as the image reaches.
    """

    root: Path
    margin: float | None = None

    def __post_init__(self) -> None:
        """Refuse a margin that would cut into the box.

        Raises:
            ConfigError: The margin is negative or no number.
        """
        if self.margin is not None and not 0 <= self.margin < math.inf:
            raise ConfigError(f"the margin around boxes is {self.margin}: set it to 0 or more.")

    def __call__(self, record: Record) -> NDArray[np.uint8]:
        """Give an image, or what its box shows, as (H, W, 3) uint8 RGB.

        Raises:
            ImageReadError: The file is missing or no whole image, or the box is not in it.
        """
        # Joining strings: pathlib would take a tenth of the time of decoding a small photo.
        path = os.path.join(self.root, record.path)
        pixels = read_image(path, record.row)
        if self.margin is None:
            return pixels
        if record.box is None:
            raise ImageReadError.at(path, record.row, "it has no box to crop to")
        height, width = pixels.shape[:2]
        x1, y1, x2, y2 = record.box
        if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
            problem = f"its box {record.box} is empty or leaves the image of {width} x {height}"
            raise ImageReadError.at(path, record.row, problem)
        return pixels[_widened(y1, y2, self.margin, height), _widened(x1, x2, self.margin, width)]


def read_image(path: str | Path, row: int | None) -> NDArray[np.uint8]:
    """Give an image file as (H, W, 3) uint8 RGB, upright.

    Args:
        path: The file.
        row: Line of the annotation file that lists it, for the error; None where no file does.

    Raises:
        ImageReadError: The file is missing, truncated, too large or no image.
    """
    try:
        data: NDArray[np.uint8] = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise ImageReadError.at(path, row, error.strerror or "it cannot be opened") from error
    if problem := _problem(data):
        raise ImageReadError.at(path, row, problem)
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        raise ImageReadError.at(path, row, f"OpenCV says {error.err}") from error
    if pixels is None:
        raise ImageReadError.at(path, row, "not an image, or a damaged one")
    return np.asarray(pixels, dtype=np.uint8)


def _widened(start: int, end: int, margin: float, limit: int) -> slice:
    """Widen one side of a box to whole pixels, inside of 0 to `limit`."""
    more = round(margin * (end - start))
    return slice(max(start - more, 0), min(end + more, limit))


def list_images(source: Path) -> list[str]:
    """Give the paths of photos that no annotation file lists, ready to be opened.

    Args:
        source: One image; or a folder, searched with its subfolders for known suffixes, sorted; or
            a UTF-8 text file with one path per line, absolute or relative to the file's folder.

    Raises:
        DatasetNotFoundError: There is nothing at `source`.
        AnnotationError: A text file is not UTF-8 or lists no path.
        ConfigError: A folder holds no image.
    """
    if not source.exists():
        raise DatasetNotFoundError.at("images", source, "--data.images")
    if source.is_dir():
        files = sorted(f for f in source.rglob("*") if f.suffix.lower() in IMAGE_SUFFIXES)
        if not files:
            known = ", ".join(sorted(IMAGE_SUFFIXES))
            raise ConfigError(f"{source} holds no image ({known}). Set --data.images to another.")
        return [str(file) for file in files]
    if source.suffix.lower() in IMAGE_SUFFIXES:
        return [str(source)]
    try:
        lines = source.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise AnnotationError.at(source, None, "not UTF-8 text", "Save it as UTF-8") from error
    paths = [str(source.parent / line.strip()) for line in lines if line.strip()]
    if not paths:
        raise AnnotationError.at(source, None, "it lists no path", "Write one path on each line")
    return paths


def _problem(data: NDArray[np.uint8]) -> str | None:
    """Say what is wrong with a file that OpenCV would not complain of, or do harm to decode."""
    if not data.size:
        return "the file is empty"
    head, tail = data[:4].tobytes(), data[-8:].tobytes()
    is_jpeg = head.startswith(_JPEG)
    # OpenCV may fill what is missing with grey. Some cameras put more behind the end marker.
    if is_jpeg and not tail.endswith(_JPEG_END) and not _has_jpeg_end(data.tobytes()):
        return "the JPEG is truncated"
    if head == _PNG and tail != _PNG_END and _PNG_END not in data.tobytes():
        return "the PNG is truncated"
    if is_jpeg and data.size < _SMALL_JPEG:
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
    except OSError:
        return None  # OpenCV has the last word on what an image is.
    if width * height > MAX_PIXELS:
        return f"{width} x {height} are more than {MAX_PIXELS} pixels"
    return None
