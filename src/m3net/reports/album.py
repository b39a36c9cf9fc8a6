"""The photos of a split: pixels, thumbnails, names and classes."""

import base64
import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from m3net.data.dataset import RetrievalDataset
from m3net.data.records import Record
from m3net.data.taxonomy import Taxonomy

THUMBNAIL = 112
"""Longest side of a thumbnail in pixels."""
_QUALITY = 80


class Album:
    """Shows the photos of a split; each thumbnail is made once.

    Attributes:
        dataset: The images of the split.
        taxonomy: Names of their classes.
    """

    def __init__(self, dataset: RetrievalDataset, taxonomy: Taxonomy) -> None:
        """Read no photo yet.

        Args:
            dataset: The images of the split.
            taxonomy: Names of their classes.
        """
        self.dataset, self.taxonomy = dataset, taxonomy
        self._thumbnails: dict[int, NDArray[np.uint8]] = {}
        self._sources: dict[int, str] = {}

    def pixels(self, image: int) -> NDArray[np.uint8]:
        """Read a photo: (H, W, 3) uint8 RGB."""
        return self.dataset.reader(self.dataset.records[image])

    def thumbnail(self, image: int) -> NDArray[np.uint8]:
        """Return a photo whose longest side is at most `THUMBNAIL`: (H, W, 3) uint8 RGB."""
        if image not in self._thumbnails:
            self._thumbnails[image] = shrink(self.pixels(image))
        return self._thumbnails[image]

    def source(self, image: int) -> str:
        """Return the data URI of a thumbnail."""
        if image not in self._sources:
            self._sources[image] = data_uri(self.thumbnail(image))
        return self._sources[image]

    def name(self, image: int) -> str:
        """Return the path of a photo."""
        return str(self.dataset.records.paths[image])

    def labels(self, image: int, attribute: str) -> tuple[str, ...]:
        """Return the names of the classes of an attribute that a photo carries."""
        return labels_of(self.dataset.records[image], self.taxonomy, attribute)

    def caption(self, image: int, attribute: str) -> str:
        """Return the classes of an attribute that a photo carries, joined by commas."""
        return ", ".join(self.labels(image, attribute))


def labels_of(record: Record, taxonomy: Taxonomy, attribute: str) -> tuple[str, ...]:
    """Return the names of the classes of an attribute that an image carries, in label order."""
    ids = taxonomy.slices[taxonomy.names.index(attribute)]
    carried = sorted(record.class_ids)
    return tuple(taxonomy.class_name(c) for c in carried if ids.start <= c < ids.stop)


def shrink(pixels: NDArray[np.uint8], longest: int = THUMBNAIL) -> NDArray[np.uint8]:
    """Scale a photo down until no side is longer than a number of pixels.

    Args:
        pixels: (H, W, 3) uint8 RGB; a smaller photo stays as it is.
        longest: In pixels.

    Example:
        >>> shrink(np.zeros((400, 200, 3), np.uint8), 100).shape
        (100, 50, 3)
        >>> shrink(np.zeros((1, 2000, 3), np.uint8), 100).shape
        (1, 100, 3)
    """
    height, width = pixels.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def data_uri(pixels: NDArray[np.uint8]) -> str:
    """Return (H, W, 3) uint8 RGB as the data URI of a JPEG."""
    memory = io.BytesIO()
    Image.fromarray(pixels).save(memory, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(memory.getvalue()).decode()
