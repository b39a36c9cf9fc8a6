"""A term of the training objective: its settings, the outputs that it reads, and its value.

A loss of your own is one module with a `Term` and one entry of `model.loss` (docs/extending.md).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from m3net.errors import ConfigError
from m3net.losses.triplet import Anchors, find_anchors


@dataclass(frozen=True)
class Classes:
    """The M classes of A attributes in the training data, and the size of the vectors."""

    attribute_of_class: Tensor
    """(M,) int64, the attribute id of each class."""
    positives: Tensor
    """(M,) number of training images that carry each class."""
    annotated: Tensor
    """(M,) number of training images annotated for the attribute of each class."""
    multi_label: tuple[bool, ...]
    """(A,) whether an image may carry several classes of an attribute."""
    dim: int
    """D, the size of the output "vectors"."""

    @property
    def sizes(self) -> list[int]:
        """Number of classes of each attribute."""
        sizes: list[int] = self.attribute_of_class.bincount().tolist()
        return sizes


@dataclass(frozen=True)
class LossBatch:
    """Outputs and labels of a batch of B images."""

    outputs: Mapping[str, Tensor]
    """Outputs of the network by name, such as "logits" and "vectors"."""
    targets: Tensor
    """(B, M) bool, the classes of each image; none of an attribute without annotation."""
    annotated: Tensor
    """(B, A) bool, the attributes that each image is annotated for."""
    attribute_of_class: Tensor
    """(M,) int64."""
    drawn_for: Tensor | None = None
    """(B,) int64, the attribute that each image's triplet was drawn for; None for other batches."""
    _anchors: dict[str, Anchors] = field(default_factory=dict)

    def anchors(self, name: str) -> Anchors:
        """Return the anchors of the batch under one output; they are computed once.

        Args:
            name: An output (B, M, D) with a vector per class, or (B, A, D) with one per attribute.
        """
        if name not in self._anchors:
            labels = self.targets, self.annotated, self.attribute_of_class
            self._anchors[name] = find_anchors(self.outputs[name], *labels)
        return self._anchors[name]


@dataclass(frozen=True)
class Term(ABC):
    """Settings of one term of the loss."""

    weight: float = 1.0
    """Weight of the term in the sum; 0 leaves it out."""

    within_process: ClassVar[bool] = False
    """Whether the term cannot be computed on the batches of several processes together."""

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            ConfigError: A value is out of its range.
        """
        self.check("weight", 0 <= self.weight < math.inf, "0 or more")

    @property
    @abstractmethod
    def reads(self) -> tuple[str, ...]:
        """Names of the network's outputs that the term needs."""

    @abstractmethod
    def build(self, classes: Classes) -> Callable[[LossBatch], Tensor]:
        """Build the term: a function, or a module if it has weights or buffers.

        Args:
            classes: The classes of the training data.
        """

    def log_weight(self, classes: Classes) -> Tensor | None:
        """Return the shift of each logit by training with this term; None without a shift.

        The network subtracts the (M,) float32 shifts to get probabilities of unweighted data.
        """
        del classes
        return None

    def check(self, setting: str, good: bool, allowed: str) -> None:
        """Raise a ConfigError that names a setting, unless it is good."""
        if not good:
            value = getattr(self, setting)
            raise ConfigError(
                f"{type(self).__name__}.{setting} of model.loss is {value!r}: it must be {allowed}."
            )
