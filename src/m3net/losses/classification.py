"""Attribute level: is this class of the attribute on the image?"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def positive_weights(positives: Tensor, annotated: Tensor, power: float, maximum: float) -> Tensor:
    """Give the weight of the positive term of each class: (negatives / positives) ** power.

    Args:
        positives: (M,) number of images that carry each class.
        annotated: (M,) number of images annotated for the attribute of each class.
        power: 0 does not balance, 1 gives positives and negatives the same total weight.
        maximum: Weights are clipped to [1 / maximum, maximum].

    Returns:
        (M,) float32; 1 for a class that no image carries.

    Example:
        >>> import torch
        >>> positive_weights(torch.tensor([10, 90, 0]), torch.tensor(100), power=0.5, maximum=2.0)
        tensor([2.0000, 0.5000, 1.0000])
    """
    ratio = (annotated - positives).float() / positives.clamp(min=1)
    weight = (ratio**power).clamp(1 / maximum, maximum)
    return weight.masked_fill(positives == 0, 1.0)


class SoftmaxClassificationLoss(nn.Module):
    """What it costs to tell the labels of an attribute: -log of their probability.

    Where an image carries one class of the attribute, that is the cross-entropy of a softmax:
    classes compete, as they do in the posterior that ranks. Where it may carry several, it is the
    sum of a binary cross-entropy for each class, positives weighted as in
    `AttributeClassificationLoss`; their mean would count the less beside a softmax the more classes
    there are. The loss is the mean over the pairs of an image and an attribute that the image is
    annotated for. Not the paper's.
    """

    positive_weight: Tensor

    def __init__(
        self, sizes: Sequence[int], multi_label: Sequence[bool], positive_weight: Tensor
    ) -> None:
        """Fix the classes.

        Args:
            sizes: Number of classes of each attribute.
            multi_label: Whether an image may carry several classes of each attribute.
            positive_weight: (M,) float32, as from `positive_weights`; not used of attributes of
                which an image carries one class.
        """
        super().__init__()
        self.sizes, self.multi_label = list(sizes), list(multi_label)
        parts = torch.split(positive_weight.float(), self.sizes)
        weights = [
            part if several else torch.ones_like(part)
            for part, several in zip(parts, multi_label, strict=True)
        ]
        self.register_buffer("positive_weight", torch.cat(weights))

    def forward(self, logits: Tensor, targets: Tensor, annotated: Tensor) -> Tensor:
        """Give the loss of a batch; see `AttributeClassificationLoss`."""
        parts = zip(
            torch.split(logits.float(), self.sizes, dim=1),
            torch.split(targets.float(), self.sizes, dim=1),
            torch.split(self.positive_weight, self.sizes),
            annotated.unbind(dim=1),
            self.multi_label,
            strict=True,
        )
        total = logits.new_zeros((), dtype=torch.float32)
        for own, target, weight, known, several in parts:
            if several:
                loss = F.binary_cross_entropy_with_logits(
                    own, target, pos_weight=weight, reduction="none"
                ).sum(dim=1)
            else:
                loss = F.cross_entropy(own, target, reduction="none")
            total = total + (loss * known).sum()
        return total / annotated.sum().clamp(min=1)


class AttributeClassificationLoss(nn.Module):
    """Binary cross-entropy per class, mean over the classes of an attribute (M3-Net, L_M).

    L_M(I, A_n) is the mean over the classes m of attribute n of
    -[w_m y_m log x_m + (1 - y_m) log(1 - x_m)], x_m the predicted probability and w_m the weight
    of the positive term. The loss is the mean of L_M over the pairs of an image and an attribute
    that the image is annotated for, so an attribute of many classes counts as much as one of few;
    or the mean of L_M times the number of classes, so that each class counts as much as any other.
    """

    attribute_of_class: Tensor
    class_share: Tensor
    positive_weight: Tensor

    def __init__(
        self,
        attribute_of_class: Tensor,
        positive_weight: Tensor,
        over_classes: Literal["mean", "sum"] = "mean",
    ) -> None:
        """Fix the classes.

        Args:
            attribute_of_class: (M,) int64, the attribute id of each class.
            positive_weight: (M,) float32, as from `positive_weights`.
            over_classes: What the terms of an attribute's classes count by.
        """
        super().__init__()
        share = 1 / attribute_of_class.bincount()[attribute_of_class]
        if over_classes == "sum":
            share = torch.ones_like(share)
        self.register_buffer("attribute_of_class", attribute_of_class, persistent=False)
        self.register_buffer("class_share", share, persistent=False)
        self.register_buffer("positive_weight", positive_weight.float())

    def forward(self, logits: Tensor, targets: Tensor, annotated: Tensor) -> Tensor:
        """Give the loss of a batch; a zero with a gradient if nothing is annotated.

        Args:
            logits: (B, M) float.
            targets: (B, M) bool, the classes of each image.
            annotated: (B, A) bool, the attributes that each image is annotated for.
        """
        entropy = F.binary_cross_entropy_with_logits(
            logits.float(), targets.float(), pos_weight=self.positive_weight, reduction="none"
        )
        valid = annotated[:, self.attribute_of_class]
        total = (entropy * self.class_share).masked_fill(~valid, 0).sum()
        return total / annotated.sum().clamp(min=1)
