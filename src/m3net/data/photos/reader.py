"""Turn an image file, or an image in memory, into pixels.

Pixels are RGB, 8 bits per channel, upright by the EXIF orientation. An alpha channel is dropped,
not blended; colour profiles are ignored.
"""

import math
import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from m3net.boundary.regular_file import ExcessError, read_bytes
from m3net.data.photos.formats import MAX_PIXELS, find_problem
from m3net.data.records import Record
from m3net.errors import ConfigError, ImageReadError

MAX_SIDE_RATIO = 50
MAX_BYTES = 2**30
"""Of a file: four times the bytes of 80 million uncompressed pixels."""
_BYTE_MODES = frozenset(["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"])


@dataclass(frozen=True)
class FileReader:
    """Reads the images of records from a folder."""

    root: Path
    """Folder that the paths of the records start from."""
    margin: float | None = None
    """None reads whole images. A number, 0 or more, crops to the record's box, widened on each side
    by this share of its width or height as far as the image reaches."""
    formats: frozenset[str] | None = None
    """Formats, "jpeg" or "png", that every file must have whatever its suffix; None for any. Where
    all photos of a data set are JPEG, another format is a placeholder."""
    max_pixels: int = MAX_PIXELS
    """Larger images are refused."""

    def __post_init__(self) -> None:
        """Refuse a margin that would cut into the box.

        Raises:
            ConfigError: The margin is negative or not finite.
        """
        if self.margin is not None and not 0 <= self.margin < math.inf:
            raise ConfigError(f"the margin around boxes is {self.margin}: set it to 0 or more.")

    def __call__(self, record: Record) -> NDArray[np.uint8]:
        """Return an image, or the part in its box, as (H, W, 3) uint8 RGB.

        Raises:
            ImageReadError: `read_image` refuses the file, or the box is not in the image.
        """
        # Joined as strings: pathlib would take a tenth of the time of decoding a small photo.
        path = os.path.join(self.root, record.path)
        pixels = read_image(path, record.listed, self.formats, self.max_pixels)
        if self.margin is None:
            return pixels
        if record.box is None:
            raise ImageReadError.at(path, record.listed, "it has no box to crop to")
        cropped, problem = _crop(pixels, record.box, self.margin)
        if problem:
            raise ImageReadError.at(path, record.listed, f"its box {record.box} {problem}")
        return cropped


def read_image(
    path: str | Path,
    listed: str | None,
    formats: frozenset[str] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """Read an image file as (H, W, 3) uint8 RGB.

    Args:
        path: The file.
        listed: Where an annotation file lists it, for the error: "photos.csv, row 3"; or None.
        formats: Accepted formats, "jpeg" or "png"; None for any.
        max_pixels: Larger images are refused before memory is allocated for them.

    Raises:
        ImageReadError: The file is missing, truncated, too large, too narrow to be a photo, of
            another format or not an image.
    """
    return decode_image(read_content(path, listed), path, listed, formats, max_pixels)


def read_content(path: str | Path, listed: str | None) -> bytes:
    """Read the bytes of an image file; arguments as of `read_image`.

    Raises:
        ImageReadError: The file cannot be opened, is not regular or larger than any photo.
    """
    try:
        return read_bytes(path, MAX_BYTES)
    except ExcessError as error:
        raise ImageReadError.at(path, listed, str(error)) from error
    except OSError as error:
        raise ImageReadError.at(path, listed, error.strerror or "it cannot be opened") from error
    except ValueError as error:  # a zero byte in the path
        problem = f"no file can have this name ({error})"
        raise ImageReadError.at(repr(path), listed, problem) from error


def decode_image(
    content: bytes,
    path: str | Path,
    listed: str | None,
    formats: frozenset[str] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """Decode the bytes of an image file; other arguments as of `read_image`.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageReadError: The bytes are truncated, too large, too narrow to be a photo, of another
            format or not an image.
    """
    problem = find_problem(content, formats, max_pixels)
    if problem:
        raise ImageReadError.at(path, listed, problem)
    try:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        raise ImageReadError.at(path, listed, f"OpenCV says {error.err}") from error
    if pixels is None:
        raise ImageReadError.at(path, listed, "not an image, or a damaged one")
    problem = _shape_problem(pixels.shape)
    if problem:
        raise ImageReadError.at(path, listed, problem)
    return np.asarray(pixels, dtype=np.uint8)


def to_pixels(image: object, name: str) -> NDArray[np.uint8]:
    """Convert an image in memory to (H, W, 3) uint8 RGB.

    Args:
        image: A PIL image with 8 bits per channel; or an array, (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4) uint8: grey, RGB or RGB with alpha, 0 .. 255.
        name: The image's name in errors.

    Raises:
        ImageReadError: The image is of another kind, empty, or too narrow to be a photo.

    Example:
        >>> to_pixels(np.array([[7]], dtype=np.uint8), "image 0")
        array([[[7, 7, 7]]], dtype=uint8)
    """
    if isinstance(image, Image.Image):
        pixels = _from_pil(image, name)
    elif isinstance(image, np.ndarray):
        pixels = _from_array(image, name)
    else:
        raise ImageReadError(
            f"{name} is of type {type(image).__name__}: give a path, a PIL image or an array."
        )
    problem = _shape_problem(pixels.shape) if pixels.size else "it is empty"
    if problem:
        raise ImageReadError(f"{name} cannot be used: {problem}. Give another image.")
    return pixels


def _from_pil(image: Image.Image, name: str) -> NDArray[np.uint8]:
    if image.mode not in _BYTE_MODES:
        raise ImageReadError(
            f"{name} is a PIL image of mode {image.mode}: convert it to 8 bits per channel, "
            "as mode RGB."
        )
    try:
        return np.array(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, SyntaxError) as error:  # PIL decodes a file when its pixels are read
        raise ImageReadError(
            f"{name} cannot be decoded by PIL ({error}). Give another image."
        ) from error


def _from_array(image: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    channels = 1 if image.ndim == 2 else image.shape[-1]
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise ImageReadError(
            f"{name} is an array of {image.dtype} and shape {image.shape}: give (H, W, 3) uint8, "
            "RGB with 0 .. 255."
        )
    pixels = image.reshape(*image.shape[:2], channels)
    grey = (*pixels.shape[:2], 3)
    return np.ascontiguousarray(np.broadcast_to(pixels, grey) if channels == 1 else pixels[..., :3])


def _crop(
    pixels: NDArray[np.uint8], box: tuple[int, int, int, int], margin: float
) -> tuple[NDArray[np.uint8], str | None]:
    """Cut out a box with its margin, and return what is wrong with the box, or None."""
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = box
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        return pixels, f"is empty or leaves the image of {width} x {height}"
    cropped = pixels[_widened(y1, y2, margin, height), _widened(x1, x2, margin, width)]
    problem = _shape_problem(cropped.shape)
    return cropped, f"shows {problem}" if problem else None


def _widened(start: int, end: int, margin: float, limit: int) -> slice:
    """Widen one side of a box to whole pixels within 0 .. `limit`."""
    more = round(margin * (end - start))
    return slice(max(start - more, 0), min(end + more, limit))


def _shape_problem(shape: tuple[int, ...]) -> str | None:
    """Refuse a strip (H, W, ...): resizing its shorter side would make it a giant."""
    height, width = shape[:2]
    if max(height, width) > MAX_SIDE_RATIO * min(height, width):
        return f"{width} x {height}, one side more than {MAX_SIDE_RATIO} times the other"
    return None
