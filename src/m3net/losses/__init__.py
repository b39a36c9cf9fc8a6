"""Losses: network outputs and labels -> named terms and their weighted sum.

`M3NetLoss` is the training objective; its three terms stand in files of their own. All of them
compute in float32, also under autocast, and on the images of their own process: in distributed
training no process sees the negatives of another. Only class centres are shared between processes.
"""

from m3net.losses.centers import CenterTripletLoss, ClassCenters
from m3net.losses.classification import AttributeClassificationLoss, positive_weights
from m3net.losses.combined import LossConfig, M3NetLoss
from m3net.losses.triplet import Anchors, ClassTripletLoss, find_anchors

__all__ = [
    "Anchors",
    "AttributeClassificationLoss",
    "CenterTripletLoss",
    "ClassCenters",
    "ClassTripletLoss",
    "LossConfig",
    "M3NetLoss",
    "find_anchors",
    "positive_weights",
]
