"""A trained network, applied to photos in files or in memory."""

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
    """A trained network; `m3net.load` returns one.

    Its methods take one photo or several: paths, PIL images, or uint8 arrays of shape (H, W, 3) in
    RGB; grey ones and an alpha channel, which is dropped, are fine. The path of a folder stands for
    all photos below it. Transforms and results are those of `m3net predict`.

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
        """Set a network to evaluation, without gradients.

        Args:
            retriever: The network, with a transform, on its device.
            batch_size: Number of photos in a batch.
            precision: "bf16-mixed" multiplies in bfloat16, like Lightning's trainer.

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
        """The network's attributes and classes."""
        return self._retriever.taxonomy

    @property
    def device(self) -> torch.device:
        """The network's device."""
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
            images: N photos; for a single photo, N is 1.
            attribute: Name of an attribute; None for all.

        Returns:
            (N, D) float32 of the attribute, or one such array for each attribute; D may differ.

        Raises:
            M3NetError: A photo cannot be read, there is none, or the attribute is unknown.
        """
        if attribute is None:
            return self._look(images).embeddings
        return self._look(images, [attribute]).embeddings[attribute]

    def classify(self, images: Photos) -> pd.DataFrame:
        """Return class probabilities.

        Args:
            images: N photos; for a single photo, N is 1.

        Returns:
            N rows, named by the photos' paths, or by their indices if they are in memory; a float32
            column for each attribute and class: `["collar"]` selects the attribute,
            `["collar", "shirt"]` the class. The probabilities of a single-label attribute sum to 1.

        Raises:
            M3NetError: A photo cannot be read, or there is none.
        """
        return self._look(images, []).probabilities

    def attention(self, image: Photo) -> Attention:
        """Compute where the network looks in one photo.

        Raises:
            M3NetError: The photo cannot be read, or there are several.
        """
        batches = islice(prepare(image, self._retriever, 1), 2)
        first, *others = [images for _, images in batches]
        if others:
            raise ConfigError("attention looks at one photo: pass them one by one.")
        with self._evaluating():
            return attend(self._retriever, first)

    def gallery(self, images: Photos, attributes: Sequence[str] | None = None) -> Gallery:
        """Compute the vectors of photos once, to search among them.

        Args:
            images: N photos.
            attributes: Attributes to search by; None for all. Each takes 4 N D bytes.

        Raises:
            M3NetError: A photo cannot be read, there is none, or an attribute is unknown.
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
        """Compute without gradients, in the chosen precision."""
        mixed = self.precision == "bf16-mixed"
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=mixed),
        ):
            yield
