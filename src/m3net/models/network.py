"""What all networks are alike in."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from m3net.models.backbone import Backbone
from m3net.models.config import NetworkConfig
from m3net.models.outputs import Outputs


class Network(nn.Module, ABC):
    """Images in, representations out; one backbone pass serves all attributes of an image.

    Attributes:
        config: Its shape.
        backbone: Gives the feature map.
        vector_dim: D, size of `Outputs.vectors`.
    """

    config: NetworkConfig
    backbone: Backbone
    vector_dim: int

    @abstractmethod
    def forward(self, images: Tensor, wanted: Tensor | None = None) -> Outputs:
        """Represent images.

        Args:
            images: (B, 3, H, W) uint8, RGB.
            wanted: (B, A) bool, the attributes under which what is said of each image counts; None
                for all. The rest need not be worked out.
        """

    @property
    def starts_in_part(self) -> bool:
        """Whether some weights take no part in the training at first."""
        return False

    def advance(self, progress: float) -> None:
        """Be told how much of the training is over, 0 to 1, as each epoch begins."""
        del progress

    def load_pretrained(self) -> None:
        """Replace the weights of the backbone by timm's pretrained ones.

        Raises:
            WeightsError: They cannot be had.
        """
        self.backbone.load_pretrained(self.config.weights_file)
