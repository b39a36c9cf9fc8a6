"""Pixels and names of photos in files, folders or memory."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from m3net.data.photos.listing import images_below, is_utf8
from m3net.data.photos.reader import read_image, to_pixels
from m3net.errors import ConfigError, ImageReadError

Photo = str | os.PathLike[str] | Image | NDArray[np.uint8]
"""A path, or an image in memory that `m3net.data.photos.reader.to_pixels` accepts."""

Photos = Photo | Iterable[Photo]
"""One photo, several, or the path of a folder: all photos in it and below, sorted."""

Name = str | int
"""The path of a photo as the user passed it, or its index among the photos."""


def read_photos(photos: Photos) -> Iterator[tuple[Name, NDArray[np.uint8]]]:
    """Read photos lazily, one by one.

    Yields:
        The name of a photo, and its pixels, (H, W, 3) uint8 RGB.

    Raises:
        M3NetError: A photo cannot be read, or a folder holds none.
    """
    for index, photo in enumerate(_all_of(photos)):
        if isinstance(photo, (str, os.PathLike)):
            path = os.fspath(photo)
            if not is_utf8(path):  # no table of results could name it
                raise ImageReadError(f"the file name {path} is not UTF-8: rename the file.")
            yield path, read_image(path, None)
        else:
            yield index, to_pixels(photo, f"image {index}")


def _all_of(photos: Photos) -> Iterable[Photo]:
    """Return the photos as an iterable, even if there is only one."""
    if isinstance(photos, (str, os.PathLike)) and os.path.isdir(photos):
        files = images_below(Path(photos))
        if not files:
            raise ConfigError(f"the folder {os.fspath(photos)} holds no image: name another.")
        return files
    if isinstance(photos, (str, os.PathLike, Image)):
        return [photos]
    # An array with four dimensions is a batch.
    if isinstance(photos, np.ndarray) and photos.ndim != 4:
        return [photos]
    return photos if isinstance(photos, Iterable) else [photos]
