"""Where to look for an attribute, where to look for a class: attention with K queries at once.

Both sub-networks share one key map, and a class query starts as its attribute's: the taxonomy is
the prior, and the second stage refines the attention that the first one found.
"""

import torch
from torch import Tensor, nn


class Keys(nn.Module):
    """The key map that all queries are compared with: tanh(BN(conv1x1(features)))."""

    def __init__(self, channels: int, dim: int) -> None:
        """Set the sizes.

        Args:
            channels: C, channels of the feature map.
            dim: D, size of a key.
        """
        super().__init__()
        self.project = nn.Conv2d(channels, dim, kernel_size=1, bias=False)
        self.norm = nn.BatchNorm2d(dim)

    def forward(self, features: Tensor) -> Tensor:
        """Turn (B, C, h, w) features into (B, D, h * w) keys in (-1, 1)."""
        return torch.tanh(self.norm(self.project(features))).flatten(2)


def attend(queries: Tensor, keys: Tensor) -> Tensor:
    """Return each query's attention over the positions.

    Args:
        queries: (K, D) in (-1, 1).
        keys: (B, D, h * w) in (-1, 1).

    Returns:
        (B, K, h * w) float32, non-negative, each row sums to 1.

    Example:
        >>> attend(torch.ones(2, 4), torch.zeros(1, 4, 5))[0, 0]
        tensor([0.2000, 0.2000, 0.2000, 0.2000, 0.2000])
    """
    # The few queries are scaled, not the many scores.
    scaled = queries / queries.shape[1] ** 0.5
    # (K, D) x (B, D, P) -> (B, K, P)
    scores = torch.matmul(scaled.to(keys.dtype), keys)
    return torch.softmax(scores.float(), dim=-1)


def pool(attention: Tensor, values: Tensor) -> Tensor:
    """Average values over positions with each query's attention.

    Args:
        attention: (B, K, h * w).
        values: (B, C, h * w).

    Returns:
        (B, K, C) float32.
    """
    # (B, K, P) x (B, P, C) -> (B, K, C)
    return torch.matmul(attention.to(values.dtype), values.transpose(1, 2)).float()


class AttributeAttention(nn.Module):
    """One vector per attribute: spatial, then channel attention, for all attributes at once.

    The block of ASEN_V2 (Dong et al., "Fine-grained fashion similarity prediction by
    attribute-specific embedding learning", IEEE TIP 2021), which M3-Net builds on.
    """

    def __init__(self, channels: int, num_attributes: int, dim: int) -> None:
        """Set the sizes.

        Args:
            channels: C, channels of the feature map.
            num_attributes: A.
            dim: D, size of attribute embeddings, queries and keys.
        """
        super().__init__()
        self.embedding = nn.Embedding(num_attributes, dim)
        self.query = nn.Linear(dim, dim)
        self.condition = nn.Linear(dim, dim)
        self.gate = nn.Sequential(
            nn.Linear(channels + dim, dim), nn.ReLU(), nn.Linear(dim, channels), nn.Sigmoid()
        )

    def queries(self) -> Tensor:
        """Return (A, D) attribute queries before the tanh; class queries start from them."""
        queries: Tensor = self.query(self.embedding.weight)
        return queries

    def forward(self, features: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Pool the map once per attribute.

        Args:
            features: (B, C, h, w).
            keys: (B, D, h * w).

        Returns:
            (B, A, C) float32 attribute vectors and (B, A, h * w) float32 attention.
        """
        attention = attend(torch.tanh(self.queries()), keys)
        pooled = pool(attention, features.flatten(2))
        with torch.autocast(pooled.device.type, enabled=False):
            condition = torch.relu(self.condition(self.embedding.weight))
            condition = condition.expand(len(pooled), -1, -1)
            return pooled * self.gate(torch.cat([pooled, condition], dim=-1)), attention


class ClassAttention(nn.Module):
    """One vector per class, for all classes at once, from a narrow value map.

    Values are projected once for all classes, so that 1,000 classes cost two matrix products over
    the positions and not 1,000 heads.
    """

    attribute_of_class: Tensor

    def __init__(self, channels: int, attribute_of_class: Tensor, dim: int, width: int) -> None:
        """Set the sizes.

        Args:
            channels: C, channels of the feature map.
            attribute_of_class: (M,) int64.
            dim: D, size of queries and keys.
            width: V, size of a value and of a class vector.
        """
        super().__init__()
        self.register_buffer("attribute_of_class", attribute_of_class, persistent=False)
        self.value = nn.Conv2d(channels, width, kernel_size=1)
        self.offset = nn.Parameter(0.02 * torch.randn(len(attribute_of_class), dim))

    def forward(
        self, features: Tensor, keys: Tensor, attribute_queries: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Pool the map once per class.

        Args:
            features: (B, C, h, w).
            keys: (B, D, h * w).
            attribute_queries: (A, D) before the tanh.

        Returns:
            (B, M, V) float32 class vectors and (B, M, h * w) float32 attention.
        """
        queries = torch.tanh(attribute_queries[self.attribute_of_class] + self.offset)
        attention = attend(queries, keys)
        return pool(attention, self.value(features).flatten(2)), attention
