"""Settings of the networks."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from m3net.errors import ConfigError

Head = Literal["m3net", "asen", "asen_v2", "asen_pp"]

MAX_SIDE = 4096
"""Pixels of one side of what a network sees: beyond, a batch would not fit into any memory."""
MAX_VECTOR = 4096
"""Floats in the longest ranking vector: what common vector engines index."""
_MAX_DIM = 16_384


@dataclass(frozen=True)
class LocalConfig:
    """The local branch of ASEN++, which looks closer at where the global one attends.

    Attributes:
        backbone: Name of a timm model, as resnet34; starts from pretrained weights where the
            global one does.
        weights_file: Take its pretrained weights from this file.
        size: Height and width in pixels of a crop.
        share: Share of the local branch in the score, 0 to 1.
        threshold: What of the attention's range, from its least to its greatest value, a position
            must exceed to be in the crop, 0 to below 1.
        start: Share of the training, 0 to 1, after which the local branch takes part, from the next
            epoch on.
    """

    backbone: str = "resnet34"
    weights_file: str | None = None
    size: int = 112
    share: float = 0.4
    threshold: float = 0.1
    start: float = 0.5

    def __post_init__(self) -> None:
        """Refuse settings that make no branch.

        Raises:
            ConfigError: A number is out of range.
        """
        shares = 0 <= self.share <= 1 and 0 <= self.threshold < 1 and 0 <= self.start <= 1
        if not 1 <= self.size <= MAX_SIDE or not shares:
            raise ConfigError(
                f"model.network.local: size must be from 1 to {MAX_SIDE}, share and start from 0 "
                "to 1, threshold from 0 to below 1."
            )


@dataclass(frozen=True)
class NetworkConfig:
    """Shape of the network.

    Attributes:
        head: What stands on the backbone: m3net, asen, asen_v2, or asen_pp, a second ASEN on
            crops.
        backbone: Name of a timm model, as resnet50.
        pretrained: Start training from timm's pretrained weights; fetched by `fit` only.
        weights_file: Take the pretrained weights from this file instead of the network.
        stride: Pixels per cell of the feature map.
        beside: Strides of other stages of the backbone whose maps are joined to it.
        attribute_attention: Attend once per attribute (off: M3-Net_c); m3net only.
        class_attention: Attend once per class (off: M3-Net_a); m3net only.
        attention_dim: Size of attention queries and keys.
        class_width: Size of a class's vector before its own transformation; m3net only.
        class_dim: Size of a class-specific representation; m3net only. Lowered where the vector of
            the attribute with most classes would exceed 4,096 floats.
        dropout: Share of the numbers of each class's vector that training leaves out; m3net only.
        embedding_dim: Size of an attribute's vector; asen and asen_pp only.
        shaping_classifier: Whether the classifier of an ASEN shapes its vectors by its gradient,
            or only reads them.
        local: The local branch; asen_pp only.
    """

    head: Head = "m3net"
    backbone: str = "resnet50"
    pretrained: bool = True
    weights_file: str | None = None
    stride: int = 16
    beside: tuple[int, ...] = ()
    attribute_attention: bool = True
    class_attention: bool = True
    attention_dim: int = 512
    class_width: int = 256
    class_dim: int = 32
    dropout: float = 0.0
    embedding_dim: int = 1024
    shaping_classifier: bool = False
    local: LocalConfig = LocalConfig()

    def __post_init__(self) -> None:
        """Refuse settings that make no network.

        Raises:
            ConfigError: Both sub-networks are off, a number is out of range, or a stride is
                there twice.
        """
        if not (self.attribute_attention or self.class_attention):
            raise ConfigError(
                "M3-Net needs a sub-network: set model.network.attribute_attention or "
                "model.network.class_attention to true."
            )
        if not 0 <= self.dropout < 1:
            raise ConfigError("model.network.dropout must be from 0 to below 1.")
        sizes = (self.attention_dim, self.class_width, self.class_dim, self.embedding_dim)
        if min(self.stride, *self.beside, *sizes) < 1 or max(sizes) > _MAX_DIM:
            raise ConfigError(
                f"sizes and strides of model.network must be positive, sizes at most {_MAX_DIM}."
            )
        if len({self.stride, *self.beside}) <= len(self.beside):
            raise ConfigError(
                f"model.network.beside is {list(self.beside)}: it must name strides other than "
                f"model.network.stride, which is {self.stride}, and each of them once."
            )
        if self.embedding_dim > MAX_VECTOR // 2:
            raise ConfigError(f"model.network.embedding_dim must not exceed {MAX_VECTOR // 2}.")

    @property
    def has_attribute_vectors(self) -> bool:
        """Whether there is a vector for each attribute."""
        return self.head != "m3net" or self.attribute_attention

    @property
    def has_class_vectors(self) -> bool:
        """Whether there is a vector for each class."""
        return self.head == "m3net"

    def to_plain(self) -> dict[str, Any]:
        """Return plain values, as a checkpoint holds them.

        Example:
            >>> NetworkConfig(beside=(8, 32)).to_plain()["beside"]
            [8, 32]
        """
        return asdict(self) | {"beside": list(self.beside)}
