"""Images that are in memory already, to pixels by the rules of the reader of files.

Eight bits, three channels, upright: an alpha channel is dropped, not blended, and colour profiles
are ignored. Whoever holds other numbers than bytes knows what they mean, and is asked to convert.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from m3net.data.photos.reader import shape_problem
from m3net.errors import ImageReadError

_BYTE_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
_CHANNELS = (1, 3, 4)


def to_pixels(image: object, name: str) -> NDArray[np.uint8]:
    """Give an image as (H, W, 3) uint8 RGB, upright where it knows its EXIF orientation.

    Args:
        image: A PIL image of 8 bits per channel; or an array, (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4) uint8: grey, RGB or RGB with alpha, 0 .. 255.
        name: What errors call it.

    Raises:
        ImageReadError: It is of another kind, empty, or too narrow to be a photo.

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
    problem = shape_problem(pixels.shape) if pixels.size else "it is empty"
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
    except (OSError, SyntaxError) as error:  # PIL decodes a file when its pixels are asked for
        raise ImageReadError(
            f"{name} cannot be decoded by PIL ({error}). Give another image."
        ) from error


def _from_array(image: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    channels = 1 if image.ndim == 2 else image.shape[-1]
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or channels not in _CHANNELS:
        raise ImageReadError(
            f"{name} is an array of {image.dtype} and shape {image.shape}: give (H, W, 3) uint8, "
            "RGB with 0 .. 255."
        )
    pixels = image.reshape(*image.shape[:2], channels)
    grey = (*pixels.shape[:2], 3)
    return np.ascontiguousarray(np.broadcast_to(pixels, grey) if channels == 1 else pixels[..., :3])
