"""The photos of a split, small, each read once."""

import numpy as np
from numpy.typing import NDArray

from m3net.data.dataset import RetrievalDataset
from m3net.data.taxonomy import Taxonomy
from m3net.reports.page.pictures import data_uri, shrink
from m3net.reports.page.values import Photo


class Thumbnails:
    """Gives photos for a page.

    Attributes:
        dataset: The evaluated images.
        taxonomy: Names of their classes.
    """

    def __init__(self, dataset: RetrievalDataset, taxonomy: Taxonomy) -> None:
        """Start with no photo read.

        Args:
            dataset: The evaluated images.
            taxonomy: Names of their classes.
        """
        self.dataset, self.taxonomy = dataset, taxonomy
        self._pixels: dict[int, NDArray[np.uint8]] = {}
        self._sources: dict[int, str] = {}

    def pixels(self, image: int) -> NDArray[np.uint8]:
        """Give a photo's pixels, (H, W, 3) uint8 RGB, its longest side that of a thumbnail."""
        if image not in self._pixels:
            self._pixels[image] = shrink(self.dataset.reader(self.dataset.records[image]))
        return self._pixels[image]

    def name(self, image: int) -> str:
        """Give a photo's path."""
        return str(self.dataset.records.paths[image])

    def labels(self, image: int, attribute: str) -> tuple[str, ...]:
        """Give the names of the classes of an attribute that a photo carries."""
        own = self.taxonomy.slices[self.taxonomy.names.index(attribute)]
        carried = sorted(self.dataset.records[image].class_ids)
        return tuple(self.taxonomy.class_name(c) for c in carried if own.start <= c < own.stop)

    def photo(self, image: int, attribute: str) -> Photo:
        """Give a photo with its classes of an attribute."""
        if image not in self._sources:
            self._sources[image] = data_uri(self.pixels(image))
        labels = ", ".join(self.labels(image, attribute))
        return Photo(self._sources[image], self.name(image), labels)
