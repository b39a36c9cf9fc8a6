"""M3-Net: image -> backbone -> attribute sub-network -> class sub-network.

Jiao, Gao, Meng, Shang, Sun: "Learning Attribute and Class-Specific Representation Duet for
Fine-Grained Fashion Analysis", CVPR 2023. The paper fixes the flow and the losses; sizes and the
inner form of the class sub-network are this project's reading (see docs/method.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from typing_extensions import override

from m3net.errors import ConfigError
from m3net.models.attention import AttributeAttention, ClassAttention, Keys
from m3net.models.backbone import Backbone
from m3net.models.network import MAX_VECTOR, Network, NetworkConfig
from m3net.models.outputs import Outputs


@dataclass(frozen=True)
class M3NetConfig(NetworkConfig):
    """Settings of M3-Net, M3-Net_a and M3-Net_c."""

    attribute_attention: bool = True
    """Attend once per attribute (off: M3-Net_c)."""
    class_attention: bool = True
    """Attend once per class (off: M3-Net_a)."""
    value_dim: int = 256
    """Size of a class's vector before the transformation of its class."""
    class_dim: int = 32
    """Size of a class-specific representation. Lowered where the vector of the attribute with most
    classes would exceed 4,096 floats."""
    dropout: float = 0.0
    """Share of each class's vector that training drops."""

    @override
    def __post_init__(self) -> None:
        """Check the settings."""
        super().__post_init__()
        self.check_sizes(self.value_dim, self.class_dim)
        if not (self.attribute_attention or self.class_attention):
            raise ConfigError(
                "M3-Net needs a sub-network: set model.network.attribute_attention or "
                "model.network.class_attention to true."
            )
        if not 0 <= self.dropout < 1:
            raise ConfigError("model.network.dropout must be from 0 to below 1.")

    @property
    @override
    def title(self) -> str:
        """The paper's name of the variant."""
        if not self.class_attention:
            return "M3-Net_a"
        return "M3-Net" if self.attribute_attention else "M3-Net_c"

    @property
    @override
    def has_attribute_vectors(self) -> bool:
        """Whether the attribute sub-network is there."""
        return self.attribute_attention

    @property
    @override
    def has_class_vectors(self) -> bool:
        """Always."""
        return True

    @override
    def build(self, sizes: Sequence[int]) -> "M3Net":
        """Build the network with random weights."""
        return M3Net(self, sizes)


class M3Net(Network):
    """The network; one backbone pass serves all attributes and classes of an image.

    Example:
        >>> config = M3NetConfig(backbone="resnet10t", attention_dim=16, value_dim=8)
        >>> outputs = M3Net(config, sizes=(2, 3))(torch.zeros(4, 3, 64, 64, dtype=torch.uint8))
        >>> outputs.attributes.shape, outputs.phi.shape, outputs.class_attention.shape
        (torch.Size([4, 2, 256]), torch.Size([4, 5, 32]), torch.Size([4, 5, 4, 4]))
    """

    attribute_of_class: Tensor

    def __init__(self, config: M3NetConfig, sizes: Sequence[int]) -> None:
        """Build the network with random weights.

        Args:
            config: Its shape.
            sizes: Number of classes of each attribute.

        Raises:
            ConfigError: The backbone cannot serve.
        """
        super().__init__()
        self.config: M3NetConfig = config
        # Not by a tensor of sizes, which a network without memory ("meta") could not read.
        owners = [attribute for attribute, size in enumerate(sizes) for _ in range(size)]
        attribute_of_class = torch.tensor(owners)
        self.register_buffer("attribute_of_class", attribute_of_class, persistent=False)
        self.backbone = Backbone(config.backbone, config.stride, config.extra_strides)
        channels, dim, width = self.backbone.channels, config.attention_dim, config.value_dim
        self.vector_dim = _phi_dim(config, channels, max(sizes))
        self.keys = Keys(channels, dim)
        if config.attribute_attention:
            self.attribute_net = AttributeAttention(channels, len(sizes), dim)
            self.refine = nn.Linear(channels, width)
        else:
            self.prior = nn.Parameter(torch.randn(len(sizes), dim))
        if config.class_attention:
            self.class_net = ClassAttention(channels, attribute_of_class, dim, width)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)
        self.transform = nn.Parameter(torch.randn(sum(sizes), width, self.vector_dim) / width**0.5)
        self.classifier = nn.Parameter(torch.zeros(sum(sizes), width))
        self.bias = nn.Parameter(torch.zeros(sum(sizes)))

    @override
    def forward(self, images: Tensor, needed: Tensor | None = None) -> Outputs:
        """Represent images under every attribute and class; leaving some out would save nothing."""
        features = self.backbone(images)
        keys = self.keys(features)
        shape = (len(features), -1, *features.shape[2:])
        attributes = attribute_map = class_map = None
        states: list[Tensor] = []
        if self.config.attribute_attention:
            attributes, attribute_map = self.attribute_net(features, keys)
            states.append(self._refine(attributes))
        if self.config.class_attention:
            queries = self.attribute_net.queries() if attributes is not None else self.prior
            state, class_map = self.class_net(features, keys, queries)
            states.append(state)
        phi, logits = self._classify(states)
        return Outputs(
            logits=logits,
            vectors=phi,
            attributes=attributes,
            phi=phi,
            attribute_attention=None if attribute_map is None else attribute_map.view(shape),
            class_attention=None if class_map is None else class_map.view(shape),
        )

    def _refine(self, attributes: Tensor) -> Tensor:
        """Hand each attribute's vector down to its classes: (B, A, C) -> (B, M, V)."""
        with torch.autocast(attributes.device.type, enabled=False):
            # The gradient of index_select is several times cheaper than that of indexing.
            handed: Tensor = self.refine(attributes).index_select(1, self.attribute_of_class)
            return handed

    def _classify(self, states: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Transform each class's vector by the class's own matrix: (B, M, D) phi, (B, M) logits."""
        with torch.autocast(states[0].device.type, enabled=False):
            joined = states[0] + states[1] if len(states) > 1 else states[0]
            state = self.dropout(self.norm(joined))
            # The classifier is one more column of each matrix: one pass over the states, not two.
            columns = torch.cat([self.transform, self.classifier.unsqueeze(2)], dim=2)
            # (B, M, V) x (M, V, D + 1) -> (B, M, D + 1)
            products = torch.einsum("bmv,mvd->bmd", state, columns)
            return products[..., :-1], products[..., -1] + self.bias


def _phi_dim(config: M3NetConfig, channels: int, most_classes: int) -> int:
    """Return the size of phi with which the longest ranking vector stays within the limit."""
    shared = channels if config.attribute_attention else 0
    room = (MAX_VECTOR - shared) // most_classes
    if room < 1:
        raise ConfigError(
            f"a duet vector of {channels} + {most_classes} classes exceeds {MAX_VECTOR} floats; "
            "choose a backbone or stride with fewer channels."
        )
    return min(config.class_dim, room)
