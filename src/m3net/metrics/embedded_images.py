"""Images as the ranking sees them: embeddings, classes and products."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from m3net.errors import M3NetError

_MOST = 2.0**127


@dataclass(frozen=True)
class Images:
    """Columns of n images, for one attribute with K classes."""

    embeddings: Tensor
    """(n, D) float; an inner product of two of them is a score, higher is closer."""
    targets: Tensor
    """(n, K) bool, True where an image has a class."""
    index: Tensor
    """(n,) int64, the image's index in its split; unique."""
    product: Tensor | None = None
    """(n,) int64, the product that an image shows. Images of one product do not appear in each
    other's rankings. None if every image shows a product of its own."""

    def __len__(self) -> int:
        """Return the number of images n."""
        return len(self.index)

    @property
    def group(self) -> Tensor:
        """(n,) int64, product or index: images of one group do not rank each other."""
        return self.index if self.product is None else self.product

    def select(self, rows: Tensor) -> "Images":
        """Return some of the images; `rows` is an (n,) bool mask or holds int64 row numbers."""
        product = None if self.product is None else self.product[rows]
        return Images(self.embeddings[rows], self.targets[rows], self.index[rows], product)

    def split(self, parts: int) -> list["Images"]:
        """Return the images in parts of about equal size, as views."""
        columns = (self.embeddings, self.targets, self.index)
        split = [column.tensor_split(parts) for column in columns]
        products = [None] * parts if self.product is None else self.product.tensor_split(parts)
        return [Images(*part) for part in zip(*split, products, strict=True)]

    def as_float32(self) -> "Images":
        """Return the images with detached float32 embeddings."""
        return replace(self, embeddings=self.embeddings.detach().float())

    def double(self) -> "Images":
        """Return the images with float64 embeddings."""
        return replace(self, embeddings=self.embeddings.double())

    def scorable(self) -> "Images":
        """Return the images with float32 embeddings.

        Raises:
            M3NetError: Inner products of some embeddings may not be finite; names the images.
        """
        images = self.as_float32()
        check_finite(self.index, are_scorable(images.embeddings))
        return images


def are_scorable(embeddings: Tensor) -> Tensor:
    """Return whether each embedding has finite inner products with all others: (n, D) -> (n,) bool.

    Finite embeddings alone do not ensure it. Squared lengths of at most 2^127, half of the greatest
    float32 number, do: they may be off by a half, far more than by rounding.
    """
    if embeddings.device.type == "cpu":
        # torch's threads would keep spinning beside those that numpy multiplies with.
        numbers = embeddings.numpy()
        with np.errstate(over="ignore", invalid="ignore"):
            return torch.from_numpy(np.vecdot(numbers, numbers) <= _MOST)
    # A norm is one kernel; multiplying and summing are several.
    length: Tensor = torch.linalg.vector_norm(embeddings, dim=1)
    return length.square() <= _MOST


def check_finite(index: Tensor, finite: Tensor) -> None:
    """Raise an M3NetError that names the images, (n,) int64, whose lengths are not finite."""
    bad = index[~finite].tolist()
    if bad:
        more = f" and {len(bad) - 10} more" if len(bad) > 10 else ""
        raise M3NetError(
            f"embeddings of images {', '.join(map(str, bad[:10]))}{more} are not finite. "
            "The network diverged: lower the learning rate or train in 32 bits."
        )
