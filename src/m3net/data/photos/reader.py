"""From a file to pixels: the one place that decodes images, for training, test and prediction.

OpenCV decodes, turns the image as its EXIF orientation says and gives 8 bits and three channels of
whatever the file holds: an alpha channel is dropped, not blended, and colour profiles are ignored.
"""

import math
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from m3net.boundary.regular_file import open_at_once
from m3net.data.photos.content import FORMAT_OF_SUFFIX, MAX_PIXELS, find_problem
from m3net.data.records import Record
from m3net.errors import AnnotationError, ConfigError, DatasetNotFoundError, ImageReadError

IMAGE_SUFFIXES = frozenset(FORMAT_OF_SUFFIX)
MAX_SIDE_RATIO = 50
MAX_BYTES = 2**30
"""Four times as much as 80 million pixels take without compression."""


@dataclass(frozen=True)
class FileReader:
    """Reads the images of records from a folder.

    Attributes:
        root: Folder that the paths of the records start from.
        margin: None reads whole images. A number, 0 or more, reads the record's box, widened on
            each side by this share of its width or height as far as the image reaches.
        formats: Names as "jpeg" and "png", of which every file must be one whatever its suffix
            says; None takes any. Where all photos are JPEG, another format is a placeholder.
        max_pixels: Larger images are refused.
    """

    root: Path
    margin: float | None = None
    formats: frozenset[str] | None = None
    max_pixels: int = MAX_PIXELS

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
            ImageReadError: `read_image` refuses the file, or the box is not in the image.
        """
        # Joining strings: pathlib would take a tenth of the time of decoding a small photo.
        path = os.path.join(self.root, record.path)
        pixels = read_image(path, record.listed, self.formats, self.max_pixels)
        if self.margin is None:
            return pixels
        if record.box is None:
            raise ImageReadError.at(path, record.listed, "it has no box to crop to")
        shown, problem = _crop(pixels, record.box, self.margin)
        if problem:
            raise ImageReadError.at(path, record.listed, f"its box {record.box} {problem}")
        return shown


def read_image(
    path: str | Path,
    listed: str | None,
    formats: frozenset[str] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """Give an image file as (H, W, 3) uint8 RGB, upright.

    Args:
        path: The file.
        listed: Where an annotation file lists it, for the error, as "photos.csv, row 3"; None
            where none does.
        formats: Of which the file must be one, as "jpeg" and "png"; None for any.
        max_pixels: More are refused, before memory is taken for them.

    Raises:
        ImageReadError: The file is missing, truncated, too large, too narrow to be a photo, of
            another format or no image.
    """
    return decode_image(read_content(path, listed), path, listed, formats, max_pixels)


def read_content(path: str | Path, listed: str | None) -> NDArray[np.uint8]:
    """Give the bytes of an image file as (n,) uint8.

    Args:
        path: The file.
        listed: As of `read_image`.

    Raises:
        ImageReadError: The file cannot be opened, is no regular one or larger than any photo.
    """
    try:
        with open(path, "rb", buffering=0, opener=open_at_once) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ImageReadError.at(path, listed, "it is no regular file")
            if status.st_size > MAX_BYTES:
                problem = f"{status.st_size:,} bytes are more than a photo has"
                raise ImageReadError.at(path, listed, problem)
            return np.fromfile(stream, dtype=np.uint8)
    except OSError as error:
        raise ImageReadError.at(path, listed, error.strerror or "it cannot be opened") from error
    except ValueError as error:  # a zero byte in the path
        raise ImageReadError.at(
            repr(path), listed, f"no file can be called so ({error})"
        ) from error


def decode_image(
    data: NDArray[np.uint8],
    path: str | Path,
    listed: str | None,
    formats: frozenset[str] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """Give what an image file shows as (H, W, 3) uint8 RGB, upright.

    Args:
        data: (n,) uint8, the file's bytes.
        path: Where they come from, for the error.
        listed: As of `read_image`.
        formats: As of `read_image`.
        max_pixels: As of `read_image`.

    Raises:
        ImageReadError: They are truncated, too large, too narrow to be a photo, of another format
            or no image.
    """
    problem = find_problem(data, formats, max_pixels)
    if problem:
        raise ImageReadError.at(path, listed, problem)
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        raise ImageReadError.at(path, listed, f"OpenCV says {error.err}") from error
    if pixels is None:
        raise ImageReadError.at(path, listed, "not an image, or a damaged one")
    problem = shape_problem(pixels.shape)
    if problem:
        raise ImageReadError.at(path, listed, problem)
    return np.asarray(pixels, dtype=np.uint8)


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
        raise DatasetNotFoundError.at("images", source, "data.images")
    if source.is_dir():
        files = images_below(source)
        if not files:
            known = ", ".join(sorted(IMAGE_SUFFIXES))
            raise ConfigError(f"{source} holds no image ({known}). Set data.images to another.")
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


def images_below(folder: Path) -> list[Path]:
    """Give all files with a known suffix in a folder and its subfolders, sorted."""
    return sorted(
        Path(below, name)
        for below, _, names in os.walk(folder)
        for name in names
        if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES
    )


def _crop(
    pixels: NDArray[np.uint8], box: tuple[int, int, int, int], margin: float
) -> tuple[NDArray[np.uint8], str | None]:
    """Cut out a box with its margin, and say what is wrong with the box."""
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = box
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        return pixels, f"is empty or leaves the image of {width} x {height}"
    shown = pixels[_widened(y1, y2, margin, height), _widened(x1, x2, margin, width)]
    problem = shape_problem(shown.shape)
    return shown, f"shows {problem}" if problem else None


def shape_problem(shape: tuple[int, ...]) -> str | None:
    """Say that (H, W, ...) is a strip, of which resizing its shorter side would make a giant."""
    height, width = shape[:2]
    if max(height, width) > MAX_SIDE_RATIO * min(height, width):
        return f"{width} x {height}, one side more than {MAX_SIDE_RATIO} times the other"
    return None


def _widened(start: int, end: int, margin: float, limit: int) -> slice:
    """Widen one side of a box to whole pixels, inside of 0 to `limit`."""
    more = round(margin * (end - start))
    return slice(max(start - more, 0), min(end + more, limit))
