"""Triplet terms among images: all triplets of a batch, or the triplets that were drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from typing_extensions import override

from m3net.errors import ConfigError
from m3net.losses.term import Classes, LossBatch, Term
from m3net.losses.triplet import drawn_triplet_loss, triplet_loss


@dataclass(frozen=True)
class _Triplets(Term):
    margin: float = 0.2
    """Margin in units of the cosine, 0 to 2."""
    vectors: str = "vectors"
    """The output whose vectors are compared; "local" is the local branch of ASEN++."""

    @override
    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        self.check("margin", 0 <= self.margin <= 2, "from 0 to 2")

    @property
    @override
    def reads(self) -> tuple[str, ...]:
        """The vectors."""
        return (self.vectors,)


@dataclass(frozen=True)
class InstanceTriplets(_Triplets):
    """All triplets of images of a batch, under the anchor's class (M3-Net, L_CI)."""

    @override
    def build(self, classes: Classes) -> Callable[[LossBatch], Tensor]:
        """Return the loss."""
        return self._loss

    def _loss(self, batch: LossBatch) -> Tensor:
        return triplet_loss(batch.anchors(self.vectors), self.margin)


@dataclass(frozen=True)
class DrawnTriplets(_Triplets):
    """The triplets that were drawn (ASEN): needs data.loading.sampling=triplets."""

    within_process: ClassVar[bool] = True

    @override
    def build(self, classes: Classes) -> Callable[[LossBatch], Tensor]:
        """Return the loss."""
        return self._loss

    def _loss(self, batch: LossBatch) -> Tensor:
        vectors, drawn_for = batch.outputs[self.vectors], batch.drawn_for
        by_attribute = vectors.shape[1] == batch.annotated.shape[1]
        if drawn_for is None or (drawn_for < 0).any() or not by_attribute:
            raise ConfigError(
                "DrawnTriplets of model.loss needs data.loading.sampling=triplets and a network "
                "with vectors of attributes (ASEN, ASEN_V2 or ASEN++): set them, or use "
                "InstanceTriplets."
            )
        return drawn_triplet_loss(vectors, drawn_for, self.margin)
