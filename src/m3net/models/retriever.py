"""The trained network as one thing: photos in; ranking vectors, probabilities, attention out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from m3net.data.taxonomy import Taxonomy
from m3net.data.transforms import Transform
from m3net.errors import ConfigError
from m3net.models.network import Network
from m3net.models.outputs import Outputs
from m3net.models.representations import Ranking, check_ranking, posteriors, represent


@dataclass(frozen=True)
class Look:
    """What a retriever returns for B images; A attributes, M classes."""

    vectors: list[Tensor]
    """For each attribute (B, D_a) float32; inner products are scores."""
    probabilities: Tensor
    """(B, M) float32."""
    attribute_attention: Tensor | None
    """(B, A, h, w) float32, sums to 1 over positions; None for a network without it."""
    class_attention: Tensor | None
    """(B, M, h, w) float32, sums to 1 over positions; None for a network without it."""


class Retriever(nn.Module):
    """A network with all that it needs to rank photos; it knows no trainer and no loss.

    Example:
        >>> from m3net.data.taxonomy import Attribute
        >>> from m3net.models import AsenConfig
        >>> taxonomy = Taxonomy((Attribute("collar", ("shirt", "polo")),))
        >>> network = AsenConfig("test_resnet", embedding_dim=8).build(taxonomy.sizes)
        >>> retriever = Retriever(network, taxonomy, torch.zeros(2), "attribute")
        >>> look = retriever(torch.zeros(4, 3, 32, 32, dtype=torch.uint8))
        >>> look.vectors[0].shape, look.probabilities.shape
        (torch.Size([4, 8]), torch.Size([4, 2]))
    """

    log_weight: Tensor

    def __init__(
        self,
        network: Network,
        taxonomy: Taxonomy,
        log_weight: Tensor,
        ranking: Ranking = "class",
        mirror: bool = False,
        transform: Transform | None = None,
    ) -> None:
        """Put the parts together.

        Args:
            network: With one output for each class of the taxonomy.
            taxonomy: Attributes and classes.
            log_weight: (M,) float32, by how much its training raised each logit.
            ranking: Which representation the vectors hold.
            mirror: Whether vectors and probabilities are means over an image and its mirror image.
            transform: Turns photos into images of the size that the network was trained on.

        Raises:
            ConfigError: The network has no representation for the ranking.
        """
        super().__init__()
        check_ranking(ranking, network.config)
        # The layout in which convolutions are fastest.
        self.network = network.to(memory_format=torch.channels_last)
        self.taxonomy = taxonomy
        self.ranking, self.mirror, self.transform = ranking, mirror, transform
        self.register_buffer("log_weight", log_weight.float())

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return self.log_weight.device

    def prepare(self, photos: Sequence[NDArray[np.uint8]]) -> Tensor:
        """Turn B photos, (H, W, 3) uint8 RGB of any size, into images for the network.

        Returns:
            (B, 3, H, W) uint8 in channels-last memory, on the CPU.

        Raises:
            ConfigError: The retriever was built without a transform.
        """
        if self.transform is None:
            raise ConfigError("this retriever was built without a transform: give it one.")
        pixels = np.stack([self.transform(photo) for photo in photos])
        return torch.from_numpy(pixels).permute(0, 3, 1, 2)

    def forward(self, images: Tensor) -> Look:
        """Look at images.

        Args:
            images: (B, 3, H, W) uint8, RGB, on the device of the network.

        Returns:
            Vectors and probabilities, and the attention of the images as they are.
        """
        outputs = self.network(images)
        *vectors, probabilities = self._rank(outputs)
        if self.mirror:
            pairs = zip(
                [*vectors, probabilities], self._rank(self.network(images.flip(3))), strict=True
            )
            *vectors, probabilities = (torch.stack(pair).mean(dim=0) for pair in pairs)
        maps = outputs.attribute_attention, outputs.class_attention
        return Look(vectors, probabilities, *maps)

    def probabilities(self, outputs: Outputs) -> Tensor:
        """Return (B, M) float32 calibrated class probabilities of a network's outputs."""
        several = [attribute.multi_label for attribute in self.taxonomy]
        return posteriors(outputs.logits, self.log_weight, self.taxonomy.sizes, several)

    def _rank(self, outputs: Outputs) -> list[Tensor]:
        """Return the ranking vectors, and the probabilities behind them."""
        probabilities = self.probabilities(outputs)
        vectors = represent(outputs, probabilities, self.taxonomy.sizes, self.ranking)
        return [*vectors, probabilities]
