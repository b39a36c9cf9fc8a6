"""Losses: network outputs and labels -> named terms and their weighted sum.

`CombinedLoss` is the training objective; its terms stand in files of their own. All of them
compute in float32, also under autocast.

In distributed training each process takes the losses of its own batch, and gradients are averaged.
This sends nothing. Triplets then stay within a process; a mean over annotated pairs or active
triplets is that of the process, so that the average is the mean of one large batch only where all
processes count equally many. Moving averages of class centres take in the batches of all.
`LossConfig.gather` takes all losses of the batches of all processes together.
"""

from m3net.losses.centers import CenterTripletLoss, ClassCenters
from m3net.losses.classification import AttributeClassificationLoss, positive_weights
from m3net.losses.combined import CombinedLoss
from m3net.losses.config import LossConfig
from m3net.losses.triplet import Anchors, ClassTripletLoss, find_anchors

__all__ = [
    "Anchors",
    "AttributeClassificationLoss",
    "CenterTripletLoss",
    "ClassCenters",
    "ClassTripletLoss",
    "CombinedLoss",
    "LossConfig",
    "find_anchors",
    "positive_weights",
]
