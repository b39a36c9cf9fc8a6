"""Class probabilities for networks that have vectors of attributes only."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class AttributeClassifier(nn.Module):
    """One linear classifier for each attribute, on the direction of its vector.

    Only the direction counts for the cosine that the vectors are trained with. Where the classifier
    does not shape the vectors, it reads their classes off without changing what they are.
    """

    def __init__(self, dim: int, sizes: Sequence[int], shaping: bool) -> None:
        """Set the sizes.

        Args:
            dim: D, size of a vector.
            sizes: Number of classes of each attribute.
            shaping: Whether its gradient reaches the vectors.
        """
        super().__init__()
        self.sizes, self.shaping = list(sizes), shaping
        self.weight = nn.Parameter(torch.zeros(sum(sizes), dim))
        self.bias = nn.Parameter(torch.zeros(sum(sizes)))

    def forward(self, vectors: Tensor) -> Tensor:
        """Turn (B, A, D) vectors of any length into (B, M) float32 log-odds."""
        with torch.autocast(vectors.device.type, enabled=False):
            # Numbers about 1 in size, as the classifier of a class vector has them.
            scaled = F.normalize(vectors.float(), dim=-1) * vectors.shape[2] ** 0.5
            scaled = scaled if self.shaping else scaled.detach()
            weights = torch.split(self.weight, self.sizes)
            pairs = zip(scaled.unbind(dim=1), weights, strict=True)
            return torch.cat([vector @ weight.T for vector, weight in pairs], dim=1) + self.bias
