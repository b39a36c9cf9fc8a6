"""What the ranking knows of images."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from m3net.errors import M3NetError


@dataclass(frozen=True)
class Images:
    """What the ranking knows of n images, for one attribute with K classes.

    Attributes:
        embeddings: (n, D) float; an inner product is a score, higher is closer.
        targets: (n, K) bool, True where an image carries a class.
        index: (n,) int64, the image's place in its split; no two rows share one.
        product: (n,) int64, the product that an image shows: images of one product are not in each
            other's ranking. Without it each image is a product of its own.
    """

    embeddings: Tensor
    targets: Tensor
    index: Tensor
    product: Tensor | None = None

    def __len__(self) -> int:
        """Give the number of images n."""
        return len(self.index)

    @property
    def group(self) -> Tensor:
        """(n,) int64, equal where one image must not rank the other: product, else index."""
        return self.index if self.product is None else self.product

    def select(self, rows: Tensor) -> "Images":
        """Give some of the images: `rows` is a bool mask (n,), or int64 row numbers."""
        product = None if self.product is None else self.product[rows]
        return Images(self.embeddings[rows], self.targets[rows], self.index[rows], product)

    def split(self, parts: int) -> list["Images"]:
        """Give the images in parts of about equal size, which share their memory."""
        columns = (self.embeddings, self.targets, self.index)
        split = [column.tensor_split(parts) for column in columns]
        products = [None] * parts if self.product is None else self.product.tensor_split(parts)
        return [Images(*part) for part in zip(*split, products, strict=True)]

    def as_float32(self) -> "Images":
        """Give the images with embeddings in float32, without their gradients."""
        return replace(self, embeddings=self.embeddings.detach().float())

    def double(self) -> "Images":
        """Give the images with embeddings in float64."""
        return replace(self, embeddings=self.embeddings.double())

    def scorable(self) -> tuple["Images", float]:
        """Give the images with float32 embeddings, and the length of the longest of them.

        Raises:
            M3NetError: An inner product of embeddings is not finite; names the images.
        """
        images = self.as_float32()
        squares = squared_lengths(images.embeddings)
        check_finite(self.index, squares.isfinite())
        return images, float(squares.max()) ** 0.5 if len(squares) else 0.0


def squared_lengths(embeddings: Tensor) -> Tensor:
    """Give the inner product of each embedding with itself: (n, D) -> (n,) float32.

    Where these are finite, so are all inner products, which is more than finite embeddings.
    """
    if embeddings.device.type == "cpu":
        # Threads of torch would spin beside those that numpy multiplies with.
        numbers = embeddings.numpy()
        with np.errstate(over="ignore"):
            return torch.from_numpy(np.vecdot(numbers, numbers))
    # One kernel, where a product of each row with itself starts several.
    length: Tensor = torch.linalg.vector_norm(embeddings, dim=1)
    return length.square()


def check_finite(index: Tensor, finite: Tensor) -> None:
    """Refuse embeddings that cannot be ranked.

    Args:
        index: (n,) int64, the images.
        finite: (n,) bool, whether their `squared_lengths` are.

    Raises:
        M3NetError: An embedding is not finite; names the images.
    """
    bad = index[~finite].tolist()
    if bad:
        more = f" and {len(bad) - 10} more" if len(bad) > 10 else ""
        raise M3NetError(
            f"embeddings of images {', '.join(map(str, bad[:10]))}{more} are not finite. "
            "The network diverged: lower the learning rate or train in 32 bits."
        )
