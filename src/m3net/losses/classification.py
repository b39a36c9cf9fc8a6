"""Attribute level: is this class of the attribute on the image?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from m3net.losses.term import Classes, LossBatch, Term


def positive_weights(positives: Tensor, annotated: Tensor, power: float, maximum: float) -> Tensor:
    """Return the weight of the positives of each class: (negatives / positives) ** power.

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


@dataclass(frozen=True)
class _Classification(Term):
    """Settings of both kinds of classification: the weight of rare classes."""

    balance_power: float = 0.5
    """A positive weighs (negatives / positives) ** balance_power: 0 does not balance, 1 fully."""
    balance_maximum: float = 10.0
    """That weight is clipped to [1 / balance_maximum, balance_maximum]; 1 or more."""

    @override
    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        self.check("balance_power", 0 <= self.balance_power < torch.inf, "0 or more")
        self.check("balance_maximum", 1 <= self.balance_maximum < torch.inf, "1 or more")

    @property
    @override
    def reads(self) -> tuple[str, ...]:
        """The logits."""
        return ("logits",)

    def positive_weights(self, classes: Classes) -> Tensor:
        """Return the weight of the positives of each class: (M,) float32."""
        counts = classes.positives, classes.annotated
        return positive_weights(*counts, self.balance_power, self.balance_maximum)

    @override
    def log_weight(self, classes: Classes) -> Tensor:
        """Return the log of the weights of positives: a weight w raises log-odds by log w."""
        return self.positive_weights(classes).log()


@dataclass(frozen=True)
class BinaryClassification(_Classification):
    """Is this class on the image? A binary cross-entropy per class, as in the paper (L_M)."""

    over_classes: Literal["mean", "sum"] = "mean"
    """Mean or sum over the classes of an attribute. By the mean, attributes count equally; by the
    sum, classes do: an attribute of fifty classes counts ten times as much as one of five."""

    @override
    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        self.check("over_classes", self.over_classes in ("mean", "sum"), "mean or sum")

    @override
    def build(self, classes: Classes) -> Callable[[LossBatch], Tensor]:
        """Build the loss."""
        weights = self.positive_weights(classes)
        return BinaryClassificationLoss(classes.attribute_of_class, weights, self.over_classes)


@dataclass(frozen=True)
class SoftmaxClassification(_Classification):
    """Which class is on the image? One softmax per attribute where an image carries one class.

    Where it may carry several, a binary cross-entropy per class, summed. Not the paper's.
    """

    @override
    def positive_weights(self, classes: Classes) -> Tensor:
        """Return the weights of positives, 1 for classes that share a softmax."""
        parts = torch.split(super().positive_weights(classes), classes.sizes)
        pairs = zip(parts, classes.multi_label, strict=True)
        return torch.cat([part if several else torch.ones_like(part) for part, several in pairs])

    @override
    def build(self, classes: Classes) -> Callable[[LossBatch], Tensor]:
        """Build the loss."""
        weights = self.positive_weights(classes)
        return SoftmaxClassificationLoss(classes.sizes, classes.multi_label, weights)


class SoftmaxClassificationLoss(nn.Module):
    """Negative log-likelihood of the labels of an attribute.

    Where an image carries one class of the attribute, it is the cross-entropy of a softmax: classes
    compete, as in the posterior that ranks. Where it may carry several, it is the sum of a binary
    cross-entropy for each class, positives weighted as in `BinaryClassificationLoss`; a mean would
    shrink beside a softmax as classes are added. The loss is the mean over the pairs of an image
    and an attribute that the image is annotated for. Not the paper's.
    """

    positive_weight: Tensor

    def __init__(
        self, sizes: Sequence[int], multi_label: Sequence[bool], positive_weight: Tensor
    ) -> None:
        """Save the classes.

        Args:
            sizes: Number of classes of each attribute.
            multi_label: Whether an image may carry several classes of each attribute.
            positive_weight: (M,) float32, used for multi-label attributes.
        """
        super().__init__()
        self.sizes, self.multi_label = list(sizes), list(multi_label)
        self.register_buffer("positive_weight", positive_weight.float())

    @override
    def forward(self, batch: LossBatch) -> Tensor:
        """Return the loss of a batch."""
        logits = batch.outputs["logits"].float()
        parts = zip(
            torch.split(logits, self.sizes, dim=1),
            torch.split(batch.targets.float(), self.sizes, dim=1),
            torch.split(self.positive_weight, self.sizes),
            batch.annotated.unbind(dim=1),
            self.multi_label,
            strict=True,
        )
        total = logits.new_zeros(())
        for scores, target, weight, known, several in parts:
            if several:
                loss = F.binary_cross_entropy_with_logits(
                    scores, target, pos_weight=weight, reduction="none"
                ).sum(dim=1)
            else:
                loss = F.cross_entropy(scores, target, reduction="none")
            total = total + (loss * known).sum()
        return total / batch.annotated.sum().clamp(min=1)


class BinaryClassificationLoss(nn.Module):
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
        """Save the classes.

        Args:
            attribute_of_class: (M,) int64, the attribute id of each class.
            positive_weight: (M,) float32, as from `positive_weights`.
            over_classes: Mean or sum over the classes of an attribute.
        """
        super().__init__()
        share = 1 / attribute_of_class.bincount()[attribute_of_class]
        if over_classes == "sum":
            share = torch.ones_like(share)
        self.register_buffer("attribute_of_class", attribute_of_class, persistent=False)
        self.register_buffer("class_share", share, persistent=False)
        self.register_buffer("positive_weight", positive_weight.float())

    @override
    def forward(self, batch: LossBatch) -> Tensor:
        """Return the loss of a batch; a zero with a gradient if nothing is annotated."""
        entropy = F.binary_cross_entropy_with_logits(
            batch.outputs["logits"].float(),
            batch.targets.float(),
            pos_weight=self.positive_weight,
            reduction="none",
        )
        valid = batch.annotated[:, self.attribute_of_class]
        total = (entropy * self.class_share).masked_fill(~valid, 0).sum()
        return total / batch.annotated.sum().clamp(min=1)
