"""An objective of two attributes with few words, and its value for tensors."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from m3net.losses import (
    BinaryClassification,
    CenterTriplets,
    Classes,
    CombinedLoss,
    DrawnTriplets,
    InstanceTriplets,
    LocalAlignment,
    LossBatch,
    SoftmaxClassification,
    Term,
)

POSITIVES, COUNTS = torch.tensor([10, 80, 30, 0, 5]), torch.full((5,), 90)


def classes_of(
    attribute_of_class: Tensor,
    dim: int,
    multi_label: Sequence[bool] = (False, False),
    positives: Tensor = POSITIVES,
    annotated: Tensor = COUNTS,
) -> Classes:
    return Classes(attribute_of_class, positives, annotated, tuple(multi_label), dim)


def terms_of(
    classification: float = 1.0,
    instance: float = 1.0,
    center: float = 1.0,
    *,
    local: float = 0.0,
    align: float = 0.0,
    margin: float = 0.2,
    softmax: bool = False,
    drawn: bool = False,
    **centers: Any,  # noqa: ANN401 - settings of CenterTriplets, checked there
) -> dict[str, Term]:
    """The terms of M3-Net and ASEN++ by their weights."""
    triplets = DrawnTriplets if drawn else InstanceTriplets
    return {
        "classification": (SoftmaxClassification if softmax else BinaryClassification)(
            classification
        ),
        "instance": triplets(instance, margin),
        "center": CenterTriplets(center, margin, **centers),
        "local": triplets(local, margin, "local"),
        "align": LocalAlignment(align),
    }


def terms_for(
    loss: CombinedLoss,
    logits: Tensor,
    vectors: Tensor,
    targets: Tensor,
    annotated: Tensor,
    *,
    local: Tensor | None = None,
    drawn_for: Tensor | None = None,
) -> dict[str, Tensor]:
    """The terms of a batch, and their total."""
    outputs = {"logits": logits, "vectors": vectors}
    if local is not None:
        outputs["local"] = local
    found: dict[str, Tensor] = loss(outputs, targets, annotated, drawn_for)
    return found


def labelled(logits: Tensor, targets: Tensor, annotated: Tensor) -> LossBatch:
    """A batch of logits alone."""
    return LossBatch({"logits": logits}, targets, annotated, torch.empty(0))
