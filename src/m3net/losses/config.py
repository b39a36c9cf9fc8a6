"""Settings of the training objective."""

import math
from dataclasses import dataclass
from typing import Literal

from m3net.errors import ConfigError


@dataclass(frozen=True)
class LossConfig:
    """What is trained for, and how strongly.

    Attributes:
        classification_weight: Weight of the attribute-level classification loss; 0 leaves it out.
        instance_weight: Weight of the triplet loss among images; 0 leaves it out.
        center_weight: Weight of the triplet loss with class centres; 0 leaves it out.
        local_weight: Weight of the instance loss of the local branch of ASEN++; asen_pp only.
        align_weight: Weight of the alignment of that branch to the global one; asen_pp only.
        triplets: Which triplets among images: all of a batch, or those that it was drawn as
            (sampling "triplets"; for networks with vectors of attributes only).
        margin: Margin of all triplet losses in units of the cosine, 0 to 2.
        center: Class centres as moving averages ("ema") or as weights ("learnable").
        center_momentum: Share of the old centre that each step keeps, 0 to below 1; "ema" only.
        classification: The classification loss: a binary one for each class, as in the paper, or
            one softmax over the classes of an attribute, where an image carries one of them.
        over_classes: The binary terms of an attribute's classes count by their "mean", so that
            attributes count equally, or by their "sum", so that classes do: an attribute of fifty
            classes then counts ten times as much as one of five. "binary" only.
        balance_power: How strongly rare classes are raised in the classification loss: a
            positive weighs (negatives / positives) ** balance_power. 0 does not balance, 1 does
            so fully; with "softmax" only where an image may carry several classes.
        balance_maximum: The weight of a positive stays within 1 / balance_maximum and
            balance_maximum, at least 1.
        gather: In distributed training, compute the losses on the batches of all processes
            together, as one process with the whole batch would; else each process computes them on
            its own batch, and gradients are averaged.
    """

    classification_weight: float = 1.0
    instance_weight: float = 1.0
    center_weight: float = 1.0
    local_weight: float = 0.1
    align_weight: float = 0.1
    triplets: Literal["batch", "drawn"] = "batch"
    margin: float = 0.2
    center: Literal["ema", "learnable"] = "ema"
    center_momentum: float = 0.9
    classification: Literal["binary", "softmax"] = "binary"
    over_classes: Literal["mean", "sum"] = "mean"
    balance_power: float = 0.5
    balance_maximum: float = 10.0
    gather: bool = False

    def __post_init__(self) -> None:
        """Refuse settings out of range.

        Raises:
            ConfigError: A value is out of its range, or nothing is trained for.
        """
        for name in self.weights:
            self._check_range(f"{name}_weight", 0 <= self.weights[name] < math.inf, "0 or more")
        self._check_range("margin", 0 <= self.margin <= 2, "from 0 to 2")
        self._check_range("triplets", self.triplets in ("batch", "drawn"), "batch or drawn")
        self._check_range("center", self.center in ("ema", "learnable"), "ema or learnable")
        kinds = ("binary", "softmax")
        self._check_range("classification", self.classification in kinds, "binary or softmax")
        self._check_range("over_classes", self.over_classes in ("mean", "sum"), "mean or sum")
        self._check_range("center_momentum", 0 <= self.center_momentum < 1, "from 0 to below 1")
        self._check_range("balance_power", 0 <= self.balance_power < math.inf, "0 or more")
        self._check_range("balance_maximum", 1 <= self.balance_maximum < math.inf, "1 or more")
        if self.triplets == "drawn" and (self.center_weight or self.gather):
            raise ConfigError(
                "loss setting triplets=drawn has no centres and stays within a process: set "
                "center_weight to 0 and gather to false, or triplets to batch."
            )
        if not (self.classification_weight or self.instance_weight or self.center_weight):
            raise ConfigError(
                "loss settings classification_weight, instance_weight and center_weight are 0: "
                "nothing to train for. Raise one of them."
            )

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each term, by the name of the term."""
        return {
            "classification": self.classification_weight,
            "instance": self.instance_weight,
            "center": self.center_weight,
            "local": self.local_weight,
            "align": self.align_weight,
        }

    def _check_range(self, name: str, good: bool, range_in_words: str) -> None:
        """Raise a ConfigError that names the setting, unless it is good."""
        if not good:
            raise ConfigError(
                f"loss setting {name} is {getattr(self, name)!r}: it must be {range_in_words}."
            )
