"""M3-Net: image -> backbone -> attribute sub-network -> class sub-network.

Jiao, Gao, Meng, Shang, Sun: "Learning Attribute and Class-Specific Representation Duet for
Fine-Grained Fashion Analysis", CVPR 2023. The paper fixes the flow and the losses; sizes and the
inner form of the class sub-network are this project's reading (see docs/method.md).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from m3net.errors import ConfigError
from m3net.models.attention import AttributeAttention, ClassAttention, Keys
from m3net.models.backbone import Backbone
from m3net.models.config import MAX_VECTOR, NetworkConfig
from m3net.models.network import Network
from m3net.models.outputs import Outputs


class M3Net(Network):
    """The network; one backbone pass serves all attributes and classes of an image.

    Attributes:
        vector_dim: D, size of a class-specific representation.

    Example:
        >>> config = NetworkConfig(backbone="resnet10t", attention_dim=16, class_width=8)
        >>> outputs = M3Net(config, sizes=(2, 3))(torch.zeros(4, 3, 64, 64, dtype=torch.uint8))
        >>> outputs.attributes.shape, outputs.phi.shape, outputs.class_attention.shape
        (torch.Size([4, 2, 256]), torch.Size([4, 5, 32]), torch.Size([4, 5, 4, 4]))
    """

    attribute_of_class: Tensor

    def __init__(self, config: NetworkConfig, sizes: Sequence[int]) -> None:
        """Build the network with random weights.

        Args:
            config: Its shape.
            sizes: Number of classes of each attribute.

        Raises:
            ConfigError: The backbone cannot serve.
        """
        super().__init__()
        self.config = config
        # Not by a tensor of sizes, which a network without memory ("meta") could not read.
        owners = [attribute for attribute, size in enumerate(sizes) for _ in range(size)]
        attribute_of_class = torch.tensor(owners)
        self.register_buffer("attribute_of_class", attribute_of_class, persistent=False)
        self.backbone = Backbone(config.backbone, config.stride, config.beside)
        channels, dim, width = self.backbone.channels, config.attention_dim, config.class_width
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

    def forward(self, images: Tensor, wanted: Tensor | None = None) -> Outputs:
        """Represent images under every attribute and class.

        Args:
            images: (B, 3, H, W) uint8, RGB.
            wanted: Not used: to leave some out would save nothing.
        """
        del wanted
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
            attributes=attributes,
            phi=phi,
            logits=logits,
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


def _phi_dim(config: NetworkConfig, channels: int, most_classes: int) -> int:
    """Give the size of phi with which the longest ranking vector stays within the limit."""
    shared = channels if config.attribute_attention else 0
    room = (MAX_VECTOR - shared) // most_classes
    if room < 1:
        raise ConfigError(
            f"a duet vector of {channels} + {most_classes} classes exceeds {MAX_VECTOR} floats; "
            "choose a backbone or stride with fewer channels."
        )
    return min(config.class_dim, room)
