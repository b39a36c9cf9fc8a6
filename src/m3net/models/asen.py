"""ASEN and ASEN_V2: one embedding per attribute, by spatial and channel attention.

ASEN: Ma, Dong, Long, Zhang, Ji, Xue, Ji: "Fine-Grained Fashion Similarity Learning by
Attribute-Specific Embedding Network", AAAI 2020. ASEN_V2: its form in Dong, Ma, Mao, Yang, Qu, Ji,
Wang: "Fine-Grained Fashion Similarity Prediction by Attribute-Specific Embedding Learning", IEEE
TIP 2021. Each block attends for all attributes at once, where the originals do so for one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from typing_extensions import override

from m3net.errors import ConfigError
from m3net.models.attention import AttributeAttention, Keys, pool
from m3net.models.backbone import Backbone
from m3net.models.classifier import AttributeClassifier
from m3net.models.network import MAX_VECTOR, Network, NetworkConfig
from m3net.models.outputs import Outputs


class AsenBlock(nn.Module):
    """The attention of ASEN, and its last linear layer.

    An attribute's spatial attention is a softmax of numbers within -1 and 1, so that no position of
    the map weighs more than e^2 times another.
    """

    def __init__(self, channels: int, num_attributes: int, dim: int, embedding_dim: int) -> None:
        """Set the sizes.

        Args:
            channels: C, channels of the feature map.
            num_attributes: A.
            dim: Size of what image and attribute are compared in.
            embedding_dim: D, size of an attribute's vector.
        """
        super().__init__()
        self.image = nn.Conv2d(channels, dim, kernel_size=1)
        # A linear map of a one-hot attribute is one row of a table.
        self.spatial = nn.Embedding(num_attributes, dim)
        self.score = nn.Linear(dim, 1, bias=False)
        self.condition = nn.Embedding(num_attributes, dim)
        self.gate = nn.Sequential(
            nn.Linear(channels + dim, dim), nn.ReLU(), nn.Linear(dim, channels), nn.Sigmoid()
        )
        self.last = nn.Linear(channels, embedding_dim)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Embed the map once per attribute.

        Args:
            features: (B, C, h, w).

        Returns:
            (B, A, D) float32 vectors and (B, A, h * w) float32 attention.
        """
        compared = torch.tanh(self.image(features)).flatten(2)
        # The convolution to one channel and the product with the attribute are one vector each.
        queries = torch.tanh(self.spatial.weight) * self.score.weight
        # (A, D) x (B, D, P) -> (B, A, P)
        scores = torch.matmul(queries.to(compared.dtype), compared).float()
        attention = torch.softmax(torch.tanh(scores), dim=-1)
        pooled = pool(attention, features.flatten(2))
        with torch.autocast(pooled.device.type, enabled=False):
            condition = torch.relu(self.condition.weight).expand(len(pooled), -1, -1)
            gated = pooled * self.gate(torch.cat([condition, pooled], dim=-1))
            return self.last(gated), attention


class AsenV2Block(nn.Module):
    """The attention of ASEN_V2, on keys of its own; its vectors are the gated features."""

    def __init__(self, channels: int, num_attributes: int, dim: int) -> None:
        """Set the sizes.

        Args:
            channels: C, channels of the feature map and size of an attribute's vector.
            num_attributes: A.
            dim: Size of queries and keys.
        """
        super().__init__()
        self.keys = Keys(channels, dim)
        self.attend = AttributeAttention(channels, num_attributes, dim)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Embed the map once per attribute: (B, A, C) and (B, A, h * w), both float32."""
        vectors: tuple[Tensor, Tensor] = self.attend(features, self.keys(features))
        return vectors


@dataclass(frozen=True)
class _AsenFamilyConfig(NetworkConfig):
    train_vectors_by_classifier: bool = False
    """Whether the gradient of the classifier reaches the vectors, or it only reads them."""


@dataclass(frozen=True)
class AsenConfig(_AsenFamilyConfig):
    """Settings of ASEN."""

    embedding_dim: int = 1024
    """Size of an attribute's vector."""

    @override
    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        self.check_sizes(self.embedding_dim)
        if self.embedding_dim > MAX_VECTOR // 2:
            raise ConfigError(f"model.network.embedding_dim must not exceed {MAX_VECTOR // 2}.")

    @property
    @override
    def title(self) -> str:
        """The paper's name."""
        return "ASEN"

    @override
    def build(self, sizes: Sequence[int]) -> Network:
        """Build the network with random weights."""
        return Asen(self, sizes)


@dataclass(frozen=True)
class AsenV2Config(_AsenFamilyConfig):
    """Settings of ASEN_V2 and of MODC: an attribute's vector has the channels of the backbone."""

    @property
    @override
    def title(self) -> str:
        """The paper's name."""
        return "ASEN_V2"

    @override
    def build(self, sizes: Sequence[int]) -> "Asen":
        """Build the network with random weights."""
        return Asen(self, sizes)


class Asen(Network):
    """ASEN or ASEN_V2 on a backbone, with a classifier on its vectors.

    Example:
        >>> config = AsenConfig("resnet10t", attention_dim=16, embedding_dim=8)
        >>> outputs = Asen(config, sizes=(2, 3))(torch.zeros(4, 3, 64, 64, dtype=torch.uint8))
        >>> outputs.attributes.shape, outputs.logits.shape, outputs.attribute_attention.shape
        (torch.Size([4, 2, 8]), torch.Size([4, 5]), torch.Size([4, 2, 4, 4]))
    """

    def __init__(self, config: AsenConfig | AsenV2Config, sizes: Sequence[int]) -> None:
        """Build the network with random weights.

        Args:
            config: Its shape.
            sizes: Number of classes of each attribute.

        Raises:
            ConfigError: The backbone cannot serve.
        """
        super().__init__()
        self.config = config
        self.backbone = Backbone(config.backbone, config.stride, config.extra_strides)
        channels, dim = self.backbone.channels, config.attention_dim
        self.block: AsenBlock | AsenV2Block
        if isinstance(config, AsenConfig):
            self.vector_dim = config.embedding_dim
            self.block = AsenBlock(channels, len(sizes), dim, config.embedding_dim)
        else:
            self.vector_dim = channels
            self.block = AsenV2Block(channels, len(sizes), dim)
        self.classifier = AttributeClassifier(
            self.vector_dim, sizes, config.train_vectors_by_classifier
        )

    @override
    def forward(self, images: Tensor, needed: Tensor | None = None) -> Outputs:
        """Represent images under every attribute; leaving some out would save nothing."""
        features = self.backbone(images)
        vectors, attention = self.block(features)
        return Outputs(
            logits=self.classifier(vectors),
            vectors=vectors,
            attributes=vectors,
            attribute_attention=attention.unflatten(2, features.shape[2:]),
        )
