"""A trained network that looks at photos, whatever form they come in."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Literal, overload

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from m3net.data.taxonomy import Taxonomy
from m3net.errors import ConfigError
from m3net.models.retriever import Retriever
from m3net.serving.gallery import Gallery
from m3net.serving.looking import attend, look, prepare
from m3net.serving.photos import Photo, Photos
from m3net.serving.views import Attention, Views, check_attribute

Precision = Literal["32-true", "bf16-mixed"]


class Model:
    """A trained network; `m3net.load` gives one.

    Wherever photos are taken, that is one photo or several: paths, PIL images, (H, W, 3) uint8
    arrays in RGB, also grey or with an alpha channel, which is dropped; or the path of a folder.
    Each is prepared as `m3net predict` does, and the answers are the same.

    Example:
        >>> import torch
        >>> from m3net.data.taxonomy import Attribute
        >>> from m3net.data.transforms import Transform
        >>> from m3net.models import M3NetConfig
        >>> taxonomy = Taxonomy((Attribute("collar", ("shirt", "polo")),))
        >>> network = M3NetConfig("test_resnet", class_dim=4).build(taxonomy.sizes)
        >>> transform = Transform(32, "letterbox")
        >>> model = Model(Retriever(network, taxonomy, torch.zeros(2), transform=transform))
        >>> photo = np.zeros((60, 40, 3), np.uint8)
        >>> model.embed([photo, photo], attribute="collar").shape
        (2, 8)
        >>> list(model.classify(photo)["collar"])
        ['shirt', 'polo']
    """

    def __init__(
        self,
        retriever: Retriever,
        batch_size: int = 64,
        precision: Precision = "32-true",
    ) -> None:
        """Take a network, which from now on is evaluated only.

        Args:
            retriever: The network, with a transform, on the device where it is to work.
            batch_size: How many photos the network sees at once.
            precision: "bf16-mixed" lets it multiply bfloat16, as Lightning's trainer does.

        Raises:
            ConfigError: A setting is out of range.
        """
        if batch_size < 1:
            raise ConfigError(f"batch_size is {batch_size}: set it to 1 or more.")
        if precision not in ("32-true", "bf16-mixed"):
            raise ConfigError(f"precision is {precision!r}: choose 32-true or bf16-mixed.")
        self._retriever = retriever.eval().requires_grad_(False)
        self.batch_size, self.precision = batch_size, precision

    @property
    def taxonomy(self) -> Taxonomy:
        """Attributes and classes that the network knows."""
        return self._retriever.taxonomy

    @property
    def device(self) -> torch.device:
        """Where it works."""
        return self._retriever.device

    @overload
    def embed(self, images: Photos, attribute: None = None) -> dict[str, NDArray[np.float32]]: ...

    @overload
    def embed(self, images: Photos, attribute: str) -> NDArray[np.float32]: ...

    def embed(
        self, images: Photos, attribute: str | None = None
    ) -> dict[str, NDArray[np.float32]] | NDArray[np.float32]:
        """Return vectors whose inner products are the scores.

        Args:
            images: N photos; one is N = 1.
            attribute: Which attribute; None for all.

        Returns:
            (N, D) float32 of the attribute, or for each attribute one of its own D.

        Raises:
            M3NetError: A photo cannot be read, there is none, or there is no such attribute.
        """
        if attribute is None:
            return self._look(images).embeddings
        return self._look(images, [attribute]).embeddings[attribute]

    def classify(self, images: Photos) -> pd.DataFrame:
        """Return class probabilities.

        Args:
            images: N photos; one is N = 1.

        Returns:
            N rows, named by the photos' paths, or by their places where they are in memory; a
            float32 column for each attribute and class: `["collar"]` selects the attribute,
            `["collar", "shirt"]` the class. Sums to 1 over the classes of an attribute of which a
            photo carries one.

        Raises:
            M3NetError: A photo cannot be read, or there is none.
        """
        return self._look(images, []).probabilities

    def attention(self, image: Photo) -> Attention:
        """Say where the network looks in one photo.

        Raises:
            M3NetError: The photo cannot be read, or there are several.
        """
        batches = islice(prepare(image, self._retriever, 1), 2)
        first, *others = [images for _, images in batches]
        if others:
            raise ConfigError("attention looks at one photo: give them one by one.")
        with self._evaluating():
            return attend(self._retriever, first)

    def gallery(self, images: Photos, attributes: Sequence[str] | None = None) -> Gallery:
        """Look at photos once, to search among them.

        Args:
            images: N photos.
            attributes: By which it can be searched; None for all. Each takes 4 N D bytes.

        Raises:
            M3NetError: A photo cannot be read, there is none, or there is no such attribute.
        """
        return Gallery(self._look(images, attributes), self._look)

    def _look(self, images: Photos, attributes: Sequence[str] | None = None) -> Views:
        """Return probabilities, and vectors for some attributes; None for all."""
        known = self.taxonomy.names
        for name in attributes or ():
            check_attribute(name, known)
        batches = prepare(images, self._retriever, self.batch_size)
        with self._evaluating():
            return look(self._retriever, batches, known if attributes is None else attributes)

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        """Compute without gradients, in the precision that was asked for."""
        mixed = self.precision == "bf16-mixed"
        half = torch.autocast(self.device.type, torch.bfloat16, enabled=mixed)
        with torch.inference_mode(), half:
            yield
