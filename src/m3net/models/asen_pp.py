"""ASEN++: an ASEN, and a second one that looks closer at where the first one attends.

Dong, Ma, Mao, Yang, Qu, Ji, Wang: "Fine-Grained Fashion Similarity Prediction by Attribute-Specific
Embedding Learning", IEEE TIP 2021. In the first stage of the training the global branch is alone;
in the second both are trained together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import roi_align
from typing_extensions import override

from m3net.errors import ConfigError
from m3net.models.asen import AsenBlock, AsenConfig
from m3net.models.backbone import Backbone
from m3net.models.classifier import AttributeClassifier
from m3net.models.network import MAX_SIDE, Network
from m3net.models.outputs import Outputs


@dataclass(frozen=True)
class LocalConfig:
    """The local branch of ASEN++, which looks closer at where the global one attends."""

    backbone: str = "resnet34"
    """Name of a timm model; starts from pretrained weights where the global branch does."""
    weights_file: str | None = None
    """Read its pretrained weights from this file."""
    size: int = 112
    """Height and width in pixels of a crop."""
    share: float = 0.4
    """Share of the local branch in the score, 0 to 1."""
    threshold: float = 0.1
    """A crop holds the positions whose attention exceeds this share of its range, 0 to below 1."""
    start: float = 0.5
    """Share of the training, 0 to 1, after which the local branch joins, from the next epoch on."""

    def __post_init__(self) -> None:
        """Check the settings.

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
class AsenPPConfig(AsenConfig):
    """Settings of ASEN++."""

    local: LocalConfig = LocalConfig()
    """The local branch."""

    @property
    @override
    def title(self) -> str:
        """The paper's name."""
        return "ASEN++"

    @override
    def build(self, sizes: Sequence[int]) -> "AsenPP":
        """Build the network with random weights."""
        return AsenPP(self, sizes)


class LocalBranch(nn.Module):
    """Crops each image once per attribute, and embeds each crop under its attribute."""

    def __init__(
        self, config: LocalConfig, stride: int, num_attributes: int, dim: int, embedding_dim: int
    ) -> None:
        """Set the sizes.

        Args:
            config: Its settings.
            stride: Pixels per cell of the feature maps.
            num_attributes: A.
            dim: Size of what image and attribute are compared in.
            embedding_dim: D, size of an attribute's vector.

        Raises:
            ConfigError: The backbone cannot serve.
        """
        super().__init__()
        self.config, self.stride = config, stride
        self.backbone = Backbone(config.backbone, stride, size_setting="model.network.local.size")
        self.block = AsenBlock(self.backbone.channels, num_attributes, dim, embedding_dim)

    def forward(self, images: Tensor, attention: Tensor, needed: Tensor | None) -> Tensor:
        """Embed what each attribute attends to.

        Args:
            images: (B, 3, H, W) uint8, RGB.
            attention: (B, A, h, w), of the global branch.
            needed: (B, A) bool, the attributes that each image is embedded under; None for all.

        Returns:
            (B, A, D) float32, zero where it is not needed.
        """
        if needed is None:
            needed = torch.ones_like(attention[:, :, 0, 0], dtype=torch.bool)
        image, attribute = needed.nonzero(as_tuple=True)
        boxes = attended_boxes(attention, self.config.threshold)[image, attribute] * self.stride
        crops = cut(images, image, boxes, self.config.size)
        vectors, _ = self.block(self.backbone(crops))
        # A crop is asked for its own attribute alone.
        own = vectors[torch.arange(len(image), device=image.device), attribute]
        found: Tensor = own.new_zeros(*needed.shape, own.shape[1])
        return found.index_put((image, attribute), own)


def cut(images: Tensor, image: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Cut boxes out of images and bring them to one size.

    Args:
        images: (B, 3, H, W) uint8.
        image: (N,) int64, which one a box is cut out of.
        boxes: (N, 4) float32: left, top, right, bottom in pixels. What stands out of the image is
            left out.
        size: Height and width of a crop.

    Returns:
        (N, 3, size, size) float32.
    """
    height, width = images.shape[2:]
    inside = torch.minimum(boxes, boxes.new_tensor([width, height, width, height]))
    rows = torch.cat([image[:, None].to(boxes.dtype), inside], dim=1)
    crops: Tensor = roi_align(images.float(), rows, size, aligned=True)
    return crops


def attended_boxes(attention: Tensor, threshold: float) -> Tensor:
    """Return the smallest box around what exceeds a share of each map's range.

    Args:
        attention: (B, A, h, w).
        threshold: Share of the range from the least to the greatest value.

    Returns:
        (B, A, 4) float32: left, top, right, bottom in cells; the whole map where it is flat.

    Example:
        >>> attention = torch.zeros(1, 1, 3, 4)
        >>> attention[0, 0, 1, 2:] = torch.tensor([0.5, 1.0])
        >>> attended_boxes(attention, 0.1)
        tensor([[[2., 1., 4., 2.]]])
    """
    least, greatest = attention.amin((2, 3), keepdim=True), attention.amax((2, 3), keepdim=True)
    inside = (attention - least > threshold * (greatest - least)) | (greatest == least)
    edges = []
    for across in (inside.any(dim=2), inside.any(dim=3)):
        first = across.int().argmax(dim=2)
        last = across.shape[2] - across.flip(2).int().argmax(dim=2)
        edges.append((first, last))
    (left, right), (top, bottom) = edges
    return torch.stack([left, top, right, bottom], dim=2).float()


class AsenPP(Network):
    """ASEN++ with a classifier on its vectors.

    Before the local branch takes part, the vectors are those of the global branch.
    """

    is_local: Tensor

    def __init__(self, config: AsenPPConfig, sizes: Sequence[int]) -> None:
        """Build the network with random weights.

        Args:
            config: Its shape.
            sizes: Number of classes of each attribute.

        Raises:
            ConfigError: A backbone cannot serve.
        """
        super().__init__()
        self.config: AsenPPConfig = config
        self.backbone = Backbone(config.backbone, config.stride, config.extra_strides)
        shape = (len(sizes), config.attention_dim, config.embedding_dim)
        self.block = AsenBlock(self.backbone.channels, *shape)
        self.local = LocalBranch(config.local, config.stride, *shape)
        self.vector_dim = config.embedding_dim
        self.classifier = AttributeClassifier(
            2 * config.embedding_dim, sizes, config.train_vectors_by_classifier
        )
        # In the state dict, so that a checkpoint of the first stage is evaluated as one.
        self.register_buffer("is_local", torch.tensor(config.local.start == 0))

    @property
    @override
    def extra_outputs(self) -> frozenset[str]:
        """The vectors of the local branch."""
        return frozenset({"local"})

    @property
    @override
    def late_outputs(self) -> frozenset[str]:
        """The vectors of the local branch, where it joins later."""
        return self.extra_outputs if self.config.local.start > 0 else frozenset()

    @override
    def set_progress(self, progress: float) -> None:
        """Let the local branch join once its share of the training is over.

        It stays, also where a resumed training is longer than the first was to be.
        """
        if progress >= self.config.local.start:
            self.is_local.fill_(True)

    @override
    def load_pretrained(self) -> None:
        """Replace the weights of both backbones by timm's pretrained ones.

        Raises:
            WeightsError: They cannot be had.
        """
        super().load_pretrained()
        file = self.config.local.weights_file
        self.local.backbone.load_pretrained(file, "model.network.local")

    @override
    def forward(self, images: Tensor, needed: Tensor | None = None) -> Outputs:
        """Represent images under every attribute.

        Args:
            images: (B, 3, H, W) uint8, RGB.
            needed: (B, A) bool, the attributes that each image is cropped for; None for all.
        """
        features = self.backbone(images)
        whole, attention = self.block(features)
        maps = attention.unflatten(2, features.shape[2:])
        unit = F.normalize(whole, dim=-1)
        if self.is_local:
            close = self.local(images, maps.detach(), needed)
            share = self.config.local.share
            halves = (1 - share) ** 0.5 * unit, share**0.5 * F.normalize(close, dim=-1)
            joined = torch.cat(halves, dim=-1)
        else:
            close, joined = None, F.pad(unit, (0, unit.shape[2]))
        return Outputs(
            logits=self.classifier(joined),
            vectors=whole,
            attributes=joined,
            attribute_attention=maps,
            extra={} if close is None else {"local": close},
        )
