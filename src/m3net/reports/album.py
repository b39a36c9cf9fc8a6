"""The photos of a split: pixels, thumbnails, paths and classes."""

import base64
import io
from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Album:
    """The photos of a split; each thumbnail is made once."""

    dataset: RetrievalDataset
    taxonomy: Taxonomy
    _thumbnails: dict[int, NDArray[np.uint8]] = field(default_factory=dict, init=False, repr=False)

    def pixels(self, image: int) -> NDArray[np.uint8]:
        """Read a photo: (H, W, 3) uint8 RGB."""
        return self.dataset.reader(self.dataset.records[image])

    def thumbnail(self, image: int) -> NDArray[np.uint8]:
        """Return a photo with sides of at most `THUMBNAIL` pixels: (H, W, 3) uint8 RGB."""
        if image not in self._thumbnails:
            self._thumbnails[image] = shrink(self.pixels(image))
        return self._thumbnails[image]

    def source(self, image: int) -> str:
        """Return the data URI of a thumbnail."""
        return data_uri(self.thumbnail(image))

    def name(self, image: int) -> str:
        """Return the path of a photo."""
        return str(self.dataset.records.paths[image])

    def labels(self, image: int, attribute: str) -> tuple[str, ...]:
        """Return the names of the classes of an attribute that a photo carries."""
        return labels_of(self.dataset.records[image], self.taxonomy, attribute)

    def caption(self, image: int, attribute: str) -> str:
        """Return the classes of an attribute that a photo carries, joined by commas."""
        return ", ".join(self.labels(image, attribute))


def labels_of(
    record: Record, taxonomy: Taxonomy, attribute: str, label: int = -1
) -> tuple[str, ...]:
    """Return the names of the classes of an attribute that an image carries or asks for.

    Args:
        record: The image.
        taxonomy: Attributes and classes.
        attribute: Name of the attribute.
        label: The class of a query for one class, 0 .. K-1 within the attribute; -1 for all classes
            of the image.
    """
    index = taxonomy.names.index(attribute)
    if label >= 0:
        return (taxonomy.attributes[index].classes[label],)
    ids = taxonomy.slices[index]
    carried = sorted(record.class_ids)
    return tuple(taxonomy.class_name(c) for c in carried if ids.start <= c < ids.stop)


def shrink(pixels: NDArray[np.uint8], longest: int = THUMBNAIL) -> NDArray[np.uint8]:
    """Shrink a photo, (H, W, 3) uint8 RGB, to sides of at most `longest` pixels.

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
    """Encode a photo, (H, W, 3) uint8 RGB, as JPEG in a data URI."""
    memory = io.BytesIO()
    Image.fromarray(pixels).save(memory, "JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(memory.getvalue()).decode()
