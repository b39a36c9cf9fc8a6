"""What the ranking knows of images."""

from dataclasses import dataclass

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
    """

    embeddings: Tensor
    targets: Tensor
    index: Tensor

    def __len__(self) -> int:
        """Give the number of images n."""
        return len(self.index)

    def select(self, rows: Tensor) -> "Images":
        """Give some of the images: `rows` is a bool mask (n,), or int64 row numbers."""
        return Images(self.embeddings[rows], self.targets[rows], self.index[rows])

    def split(self, parts: int) -> list["Images"]:
        """Give the images in parts of about equal size, which share their memory."""
        columns = (self.embeddings, self.targets, self.index)
        return [Images(*own) for own in zip(*(c.tensor_split(parts) for c in columns), strict=True)]

    def double(self) -> "Images":
        """Give the images with embeddings in float64."""
        return Images(self.embeddings.double(), self.targets, self.index)

    def scorable(self) -> "Images":
        """Give the images with float32 embeddings whose inner products are finite.

        Raises:
            M3NetError: An embedding is not finite; names the images.
        """
        embeddings = self.embeddings.detach().float()
        # Finite squared lengths are more than finite embeddings: they bound every inner product.
        if embeddings.device.type == "cpu":
            # Threads of torch would spin beside those that numpy multiplies with.
            numbers = embeddings.numpy()
            squares = torch.from_numpy(np.einsum("nd,nd->n", numbers, numbers))
        else:
            squares = torch.einsum("nd,nd->n", embeddings, embeddings)
        bad = self.index[~squares.isfinite()].tolist()
        if bad:
            more = f" and {len(bad) - 10} more" if len(bad) > 10 else ""
            raise M3NetError(
                f"embeddings of images {', '.join(map(str, bad[:10]))}{more} are not finite. "
                "The network diverged: lower the learning rate or train in 32 bits."
            )
        return Images(embeddings, self.targets, self.index)
