"""What all networks share: their settings, and images in, representations out.

A network of your own is one module with a `NetworkConfig` and a `Network`, and one entry of
`model.network` (docs/extending.md).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from m3net.errors import ConfigError
from m3net.models.backbone import Backbone
from m3net.models.outputs import Outputs

MAX_SIDE = 4096
"""Pixels of one side of what a network sees: beyond, a batch would not fit into any memory."""
MAX_VECTOR = 4096
"""Floats in the longest ranking vector: what common vector engines index."""
_MAX_DIM = 16_384


@dataclass(frozen=True)
class NetworkConfig(ABC):
    """Settings of a network; each network has a class of its own."""

    backbone: str = "resnet50"
    """Name of a timm model, such as resnet50."""
    pretrained: bool = True
    """Start training from timm's pretrained weights; only `fit` downloads them."""
    weights_file: str | None = None
    """Read the pretrained weights from this file instead of downloading them."""
    stride: int = 16
    """Pixels per cell of the feature map."""
    extra_strides: tuple[int, ...] = ()
    """Strides of further stages of the backbone whose maps are joined to it."""
    attention_dim: int = 512
    """Size of attention queries and keys."""

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            ConfigError: A number is out of range, or a stride is named twice.
        """
        self.check_sizes(self.stride, *self.extra_strides, self.attention_dim)
        if len({self.stride, *self.extra_strides}) <= len(self.extra_strides):
            raise ConfigError(
                f"model.network.extra_strides is {list(self.extra_strides)}: it must name strides "
                f"other than model.network.stride, which is {self.stride}, and each of them once."
            )

    @property
    def title(self) -> str:
        """The name of the network in reports."""
        return type(self).__name__.removesuffix("Config")

    @property
    def has_attribute_vectors(self) -> bool:
        """Whether the network has a vector for each attribute."""
        return True

    @property
    def has_class_vectors(self) -> bool:
        """Whether the network has a vector for each class."""
        return False

    @abstractmethod
    def build(self, sizes: Sequence[int]) -> "Network":
        """Build the network with random weights.

        Args:
            sizes: Number of classes of each attribute.

        Raises:
            ConfigError: A backbone cannot serve.
        """

    def check_sizes(self, *sizes: int) -> None:
        """Raise a ConfigError unless sizes and strides are positive and not too large."""
        if min(sizes) < 1 or max(sizes) > _MAX_DIM:
            raise ConfigError(
                f"sizes and strides of model.network must be positive, sizes at most {_MAX_DIM}."
            )

    def to_plain(self) -> dict[str, Any]:
        """Return plain values, as a checkpoint holds them.

        Example:
            >>> from m3net.models import AsenConfig
            >>> AsenConfig(extra_strides=(8, 32)).to_plain()["extra_strides"]
            [8, 32]
        """
        return asdict(self) | {"extra_strides": list(self.extra_strides)}


class Network(nn.Module, ABC):
    """Images in, representations out; one backbone pass serves all attributes of an image."""

    config: NetworkConfig
    backbone: Backbone
    vector_dim: int
    """D, size of the output "vectors"."""

    @abstractmethod
    def forward(self, images: Tensor, needed: Tensor | None = None) -> Outputs:
        """Represent images.

        Args:
            images: (B, 3, H, W) uint8, RGB.
            needed: (B, A) bool, the attributes of each image that are used; None for all. A network
                may leave out the others.
        """

    @property
    def extra_outputs(self) -> frozenset[str]:
        """Names of `Outputs.extra`, for losses alone: some term has to read each of them."""
        return frozenset()

    @property
    def late_outputs(self) -> frozenset[str]:
        """Extra outputs that the first epochs lack; their weights get no gradient until then."""
        return frozenset()

    def set_progress(self, progress: float) -> None:
        """Take note of the share of the training that is over, 0 to 1, as each epoch begins."""

    def load_pretrained(self) -> None:
        """Replace the weights of the backbone by timm's pretrained ones.

        Raises:
            WeightsError: They cannot be had.
        """
        self.backbone.load_pretrained(self.config.weights_file)
