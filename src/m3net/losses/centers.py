"""Class level, cluster view: images of a class closer to its centre than to images without it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from m3net.losses.term import Classes, LossBatch, Term
from m3net.losses.triplet import SHORTEST, Anchors


class ClassCenters(nn.Module):
    """One centre for each class, in the class's embedding space.

    Centres are weights, or exponential moving averages of the representations. The state dict holds
    both kinds.

    Attributes:
        centers: (M, D) float32. Moving averages have length 1, or 0 before the first image;
            learnt centres have any length.
        seen: (M,) bool, False for a moving average that no image has entered yet.
    """

    centers: Tensor
    seen: Tensor

    def __init__(
        self, num_classes: int, dim: int, kind: Literal["ema", "learnable"], momentum: float
    ) -> None:
        """Build the centres: unseen moving averages, or random weights.

        Args:
            num_classes: M.
            dim: D.
            kind: "ema" for moving averages, "learnable" for weights.
            momentum: Share of the old centre that an update of a moving average keeps.
        """
        super().__init__()
        self.kind = kind
        self.momentum = momentum
        if kind == "learnable":
            self.centers = nn.Parameter(torch.randn(num_classes, dim))
        else:
            self.register_buffer("centers", torch.zeros(num_classes, dim))
        self.register_buffer("seen", torch.full((num_classes,), kind == "learnable"))

    @torch.no_grad()
    def update(self, anchors: Anchors) -> None:
        """Move the averages towards the mean representation of their classes in the batch.

        The first batch that holds a class sets its centre. Learnable centres stay as they are.
        In distributed training the batch is that of all processes together: each must call this
        equally often, and all end with the same centres.

        Args:
            anchors: The anchors of this process's batch, possibly none.
        """
        if self.kind == "learnable":
            return
        # (L, D + 1) -> (M, D + 1): sums and, in the last column, counts
        rows = F.pad(anchors.phi, (0, 1), value=1.0)
        sums = rows.new_zeros(len(self.centers), rows.shape[1])
        sums.index_add_(0, anchors.class_id, rows)
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(sums)
        mean = sums[:, :-1] / sums[:, -1:].clamp(min=1)
        present = sums[:, -1] > 0
        # An unseen centre is zero, so that the first mean alone gives the direction.
        moved = F.normalize(torch.lerp(mean, self.centers.float(), self.momentum), dim=-1)
        self.centers.copy_(torch.where(present[:, None], moved, self.centers))
        self.seen |= present


def center_triplet_loss(anchors: Anchors, centers: ClassCenters, margin: float) -> Tensor:
    """Return the triplet loss with the centre of the anchor's class as the positive (M3-Net, L_CC).

    relu(margin - cos(anchor, centre) + cos(anchor, negative)), mean over those pairs of anchor
    and negative for which it is not zero. Anchors of a class without a centre contribute nothing.

    Args:
        anchors: The anchors of a batch.
        centers: The centres of all classes.
        margin: In units of the cosine.

    Returns:
        A zero with a gradient if no triplet is active.
    """
    center = centers.centers.index_select(0, anchors.class_id).float()
    center = F.normalize(center, dim=-1, eps=SHORTEST)
    to_center = (anchors.phi * center).sum(dim=1, keepdim=True)
    hinge = F.relu(margin - to_center + anchors.scores)
    valid = anchors.negative & centers.seen[anchors.class_id, None]
    hinge = hinge.masked_fill(~valid, 0)
    return hinge.sum() / (hinge > 0).sum().clamp(min=1)


@dataclass(frozen=True)
class CenterTriplets(Term):
    """Triplets of an image, the centre of its class and another image (M3-Net, L_CC)."""

    margin: float = 0.2
    """Margin in units of the cosine, 0 to 2."""
    centers: Literal["ema", "learnable"] = "ema"
    """Class centres as moving averages ("ema") or as weights ("learnable")."""
    momentum: float = 0.9
    """Share of an old moving average that each step keeps, 0 to below 1."""

    @override
    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        self.check("margin", 0 <= self.margin <= 2, "from 0 to 2")
        self.check("centers", self.centers in ("ema", "learnable"), "ema or learnable")
        self.check("momentum", 0 <= self.momentum < 1, "from 0 to below 1")

    @property
    @override
    def reads(self) -> tuple[str, ...]:
        """The vectors."""
        return ("vectors",)

    @override
    def build(self, classes: Classes) -> Callable[[LossBatch], Tensor]:
        """Build the centres and the loss."""
        return _CenterTripletLoss(self, classes)


class _CenterTripletLoss(nn.Module):
    """The loss; in training it updates the centres first, so that every class met has one."""

    def __init__(self, settings: CenterTriplets, classes: Classes) -> None:
        super().__init__()
        self.margin = settings.margin
        shape = len(classes.attribute_of_class), classes.dim
        self.centers = ClassCenters(*shape, settings.centers, settings.momentum)

    @override
    def forward(self, batch: LossBatch) -> Tensor:
        """Return the loss of a batch."""
        anchors = batch.anchors("vectors")
        if self.training:
            self.centers.update(anchors)
        return center_triplet_loss(anchors, self.centers, self.margin)
