"""The small copy of one photo, as bytes.

A copy has the format of its suffix, so that every program finds in it what it expects: JPEG in .jpg
and .jpeg and WebP in .webp, both with losses; PNG, BMP and TIFF without. It is upright by its
pixels, not by an EXIF orientation.
"""

import io
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from m3net.data.photos.content import FORMAT_OF_SUFFIX, format_of
from m3net.errors import ConfigError

_ORIENTATION = 0x0112
_QUALITY = {"jpeg": cv2.IMWRITE_JPEG_QUALITY, "webp": cv2.IMWRITE_WEBP_QUALITY}

CopyAction = Literal["resized", "encoded", "copied"]


@dataclass(frozen=True)
class CopySettings:
    """How large copies are.

    Attributes:
        side: Length in pixels of the side that `resize` names; smaller images keep their size.
        resize: short or long.
        quality: Of JPEG and WebP, 1 to 100.
    """

    side: int = 256
    resize: Literal["short", "long"] = "short"
    quality: int = 95

    def __post_init__(self) -> None:
        """Refuse what gives no image.

        Raises:
            ConfigError: A number is out of range.
        """
        if self.side < 1 or not 1 <= self.quality <= 100:
            raise ConfigError("side must be 1 or more and quality from 1 to 100.")


def small_copy(
    content: NDArray[np.uint8], pixels: NDArray[np.uint8], suffix: str, settings: CopySettings
) -> tuple[CopyAction, bytes]:
    """Make the copy of one photo; never larger, and never encoded anew without need.

    Args:
        content: (n,) uint8, the file.
        pixels: (H, W, 3) uint8 RGB, what the file shows, upright.
        suffix: Of the copy, as ".jpg".
        settings: How large it is.

    Returns:
        "resized", "encoded" where the file is small but of another format or turned by EXIF, or
        "copied"; and the copy.
    """
    form = FORMAT_OF_SUFFIX[suffix.lower()]
    shrunk = _shrink(pixels, settings)
    if shrunk is not None:
        return "resized", _encode(shrunk, form, settings.quality)
    if format_of(content) != form or _is_turned(content):
        return "encoded", _encode(pixels, form, settings.quality)
    return "copied", content.tobytes()


def _shrink(pixels: NDArray[np.uint8], settings: CopySettings) -> NDArray[np.uint8] | None:
    """Bring one side to its length; None where it is no longer than that."""
    height, width = pixels.shape[:2]
    side = min(height, width) if settings.resize == "short" else max(height, width)
    if side <= settings.side:
        return None
    scale = settings.side / side
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _is_turned(content: NDArray[np.uint8]) -> bool:
    """Tell whether EXIF turns or mirrors the image, or cannot be understood."""
    try:
        with Image.open(io.BytesIO(content.tobytes())) as image:
            return bool(image.getexif().get(_ORIENTATION, 1) != 1)
    except (OSError, SyntaxError, ValueError):
        return True


def _encode(pixels: NDArray[np.uint8], form: str, quality: int) -> bytes:
    """Encode RGB pixels in a format of `FORMAT_OF_SUFFIX`."""
    options = [_QUALITY[form], quality] if form in _QUALITY else []
    _, encoded = cv2.imencode(f".{form}", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)
    return encoded.tobytes()
