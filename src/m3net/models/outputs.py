"""What a network says of a batch of images."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Outputs:
    """What a network says of B images; A attributes, M classes.

    Attributes:
        attributes: (B, A, C) float32 attribute-specific vectors; None for M3-Net_c.
        phi: (B, M, D) float32 class-specific representations; None for a network without them.
        logits: (B, M) float32, log-odds that an image carries a class.
        attribute_attention: (B, A, h, w) float32, sums to 1 over positions; None for M3-Net_c.
        class_attention: (B, M, h, w) float32, sums to 1 over positions; None for a network that
            does not attend to classes.
        branches: For ASEN++, (B, A, C) float32 of its global and of its local branch, which
            `attributes` joins; None for other networks. The local one is None before it takes part.
    """

    attributes: Tensor | None
    phi: Tensor | None
    logits: Tensor
    attribute_attention: Tensor | None
    class_attention: Tensor | None
    branches: tuple[Tensor, Tensor | None] | None = None

    @property
    def vectors(self) -> Tensor:
        """The vectors that are trained to tell classes apart: (B, M, D) or (B, A, D) float32.

        One per class where the network has class-specific representations, else one per attribute;
        of ASEN++, those of its global branch.
        """
        if self.phi is not None:
            return self.phi
        own = self.attributes if self.branches is None else self.branches[0]
        if own is None:
            raise ValueError("a network has attribute or class-specific vectors")
        return own
