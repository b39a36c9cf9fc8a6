"""What a network returns for a batch of images."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Outputs:
    """What a network returns for B images; A attributes, M classes."""

    logits: Tensor
    """(B, M) float32, log-odds that an image carries a class."""
    vectors: Tensor
    """(B, M, D) or (B, A, D) float32, the vectors that losses pull together and apart: one per
    class or one per attribute."""
    attributes: Tensor | None = None
    """(B, A, C) float32 attribute-specific vectors; None for M3-Net_c."""
    phi: Tensor | None = None
    """(B, M, D) float32 class-specific representations; None for a network without them."""
    attribute_attention: Tensor | None = None
    """(B, A, h, w) float32, sums to 1 over positions; None for M3-Net_c."""
    class_attention: Tensor | None = None
    """(B, M, h, w) float32, sums to 1 over positions; None for a network without it."""
    extra: Mapping[str, Tensor] = field(default_factory=dict)
    """What else the losses may read, by name, (B, ...) each."""

    def by_name(self) -> dict[str, Tensor]:
        """Return all outputs that are there, by name."""
        fields = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        return fields | dict(self.extra)
