"""Whatever a user calls a photo, or photos, to pixels with a name."""

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
"""A file; or an image in memory, as `m3net.data.photos.reader.to_pixels` takes it."""

Photos = Photo | Iterable[Photo]
"""One photo, some, or the path of a folder, which stands for all photos in it and below, sorted."""

Name = str | int
"""The path of a photo as it was given, or its place among the photos, from 0."""


def read_photos(photos: Photos) -> Iterator[tuple[Name, NDArray[np.uint8]]]:
    """Read photos one by one, when each is asked for.

    Yields:
        Its name, and (H, W, 3) uint8 RGB.

    Raises:
        M3NetError: A photo cannot be read, or a folder holds none.
    """
    for place, photo in enumerate(_all_of(photos)):
        if isinstance(photo, (str, os.PathLike)):
            path = os.fspath(photo)
            if not is_utf8(path):  # no table of results could name it
                raise ImageReadError(f"the file name {path} is not UTF-8: rename the file.")
            yield path, read_image(path, None)
        else:
            yield place, to_pixels(photo, f"image {place}")


def _all_of(photos: Photos) -> Iterable[Photo]:
    """Return the photos as an iterable, also if there is just one."""
    if isinstance(photos, (str, os.PathLike)) and os.path.isdir(photos):
        found = images_below(Path(photos))
        if not found:
            raise ConfigError(f"the folder {os.fspath(photos)} holds no image: name another.")
        return found
    if isinstance(photos, (str, os.PathLike, Image)):
        return [photos]
    # The first dimension of four counts images.
    if isinstance(photos, np.ndarray) and photos.ndim != 4:
        return [photos]
    return photos if isinstance(photos, Iterable) else [photos]
