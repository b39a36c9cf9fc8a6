"""Losses: outputs of a network and labels -> named terms and their weighted sum.

`CombinedLoss` is the training objective. Each `Term` holds the settings of one loss and builds it;
all compute in float32, also under autocast.

In distributed training each process computes the losses of its batch, and gradients are averaged.
Triplets then stay within a process, and so do means over annotated pairs or active triplets: their
average is the mean of one large batch only if all processes count equally many. Moving averages of
class centres follow the batches of all processes. `CombinedLoss(gather=True)` computes all terms on
the batches of all processes together.
"""

from m3net.losses.alignment import LocalAlignment
from m3net.losses.centers import CenterTriplets
from m3net.losses.classification import BinaryClassification, SoftmaxClassification
from m3net.losses.combined import CombinedLoss, class_log_weight
from m3net.losses.term import Classes, LossBatch, Term
from m3net.losses.triplet_terms import DrawnTriplets, InstanceTriplets

__all__ = [
    "BinaryClassification",
    "CenterTriplets",
    "Classes",
    "CombinedLoss",
    "DrawnTriplets",
    "InstanceTriplets",
    "LocalAlignment",
    "LossBatch",
    "SoftmaxClassification",
    "Term",
    "class_log_weight",
]
