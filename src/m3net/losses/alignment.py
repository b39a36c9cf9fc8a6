"""ASEN++: the vectors of the local branch agree with those of the global branch."""

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from m3net.losses.term import Classes, LossBatch, Term


@dataclass(frozen=True)
class LocalAlignment(Term):
    """Pulls the vectors of the local branch of ASEN++ towards those of the global one."""

    @property
    @override
    def reads(self) -> tuple[str, ...]:
        """The vectors of both branches."""
        return ("vectors", "local")

    @override
    def build(self, classes: Classes) -> Callable[[LossBatch], Tensor]:
        """Return the loss."""
        return self._loss

    def _loss(self, batch: LossBatch) -> Tensor:
        outputs = batch.outputs
        return alignment_loss(outputs["vectors"], outputs["local"], batch.annotated)


def alignment_loss(whole: Tensor, close: Tensor, annotated: Tensor) -> Tensor:
    """Return 1 - cos(local, global), mean over annotated pairs of an image and an attribute.

    No gradient reaches the global branch (Dong et al., IEEE TIP 2021).

    Args:
        whole: (B, A, D) float, vectors of the global branch.
        close: (B, A, D) float, vectors of the local branch.
        annotated: (B, A) bool.

    Example:
        >>> import torch
        >>> right, up = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])
        >>> alignment_loss(right, up, torch.tensor([[True]]))
        tensor(1.)
    """
    distance = 1 - F.cosine_similarity(close.float(), whole.detach().float(), dim=-1)
    return (distance * annotated).sum() / annotated.sum().clamp(min=1)
