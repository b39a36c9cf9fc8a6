"""The classification losses against one call of torch's cross-entropy per image and attribute."""

from typing import Literal

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from m3net.losses.classification import (
    BinaryClassificationLoss,
    SoftmaxClassificationLoss,
    positive_weights,
)
from tests.unit.losses.objective import labelled

ATTRIBUTE_OF_CLASS = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2])


def draw(annotated_share: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits, targets, annotated and positive weights of six images."""
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(6, 9, generator=generator, requires_grad=True)
    annotated = torch.rand(6, 3, generator=generator) < annotated_share
    targets = torch.rand(6, 9, generator=generator) < 0.4
    targets &= annotated[:, ATTRIBUTE_OF_CLASS]
    return logits, targets, annotated, torch.rand(9, generator=generator) * 3 + 0.2


def loop(
    logits: Tensor, targets: Tensor, annotated: Tensor, weight: Tensor, over_classes: str
) -> Tensor:
    """Mean over annotated pairs of image and attribute, each the mean or sum of its classes."""
    pairs = []
    for image, attribute in annotated.nonzero().tolist():
        classes = attribute == ATTRIBUTE_OF_CLASS
        pairs.append(
            F.binary_cross_entropy_with_logits(
                logits[image, classes],
                targets[image, classes].float(),
                pos_weight=weight[classes],
                reduction=over_classes,
            )
        )
    return torch.stack(pairs).mean()


@pytest.mark.parametrize("over_classes", ["mean", "sum"])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_equals_a_loop_over_annotated_pairs_in_value_and_gradient(
    share: float, over_classes: Literal["mean", "sum"]
) -> None:
    logits, targets, annotated, weight = draw(share)
    loss = BinaryClassificationLoss(ATTRIBUTE_OF_CLASS, weight, over_classes)
    value = loss(labelled(logits, targets, annotated))
    expected = loop(logits, targets, annotated, weight, over_classes)
    torch.testing.assert_close(value, expected)
    gradients = [torch.autograd.grad(loss, logits)[0] for loss in (value, expected)]
    torch.testing.assert_close(*gradients)


def test_hand_worked_formula() -> None:
    # probabilities 3/4 and 1/4: -(2 log 3/4 + log 3/4) / 2, the second attribute is not annotated
    logits = torch.tensor([[3.0, 1 / 3, 9.0]]).log()
    targets = torch.tensor([[True, False, True]])
    loss = BinaryClassificationLoss(torch.tensor([0, 0, 1]), torch.tensor([2.0, 1.0, 1.0]))
    value = loss(labelled(logits, targets, torch.tensor([[True, False]])))
    torch.testing.assert_close(value, -1.5 * torch.tensor(0.75).log())


def test_classes_of_unannotated_attributes_get_no_gradient() -> None:
    logits, targets, annotated, weight = draw(0.5)
    BinaryClassificationLoss(ATTRIBUTE_OF_CLASS, weight)(
        labelled(logits, targets, annotated)
    ).backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad != 0, annotated[:, ATTRIBUTE_OF_CLASS])


def test_nothing_annotated_is_a_zero_with_a_gradient() -> None:
    logits, targets, _, weight = draw(1.0)
    nothing = torch.zeros(6, 3, dtype=torch.bool)
    value = BinaryClassificationLoss(ATTRIBUTE_OF_CLASS, weight)(
        labelled(logits * 1e4, targets & False, nothing)
    )
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_autocast_computes_in_float32() -> None:
    logits, targets, annotated, weight = draw(1.0)
    loss = BinaryClassificationLoss(ATTRIBUTE_OF_CLASS, weight)
    half = logits.detach().bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(labelled(half, targets, annotated))
    assert value.dtype == torch.float32
    assert torch.equal(value, loss(labelled(half.float(), targets, annotated)))


def test_extreme_logits_stay_finite() -> None:
    logits = torch.full((1, 2), 1e4, requires_grad=True)
    loss = BinaryClassificationLoss(torch.tensor([0, 0]), torch.ones(2))
    value = loss(labelled(logits, torch.tensor([[True, False]]), torch.tensor([[True]])))
    value.backward()
    assert logits.grad is not None
    assert value.isfinite()
    assert logits.grad.isfinite().all()


def test_positive_weights_by_hand() -> None:
    positives = torch.tensor([20, 50, 1, 99, 0, 100])
    annotated = torch.full((6,), 100)
    weights = positive_weights(positives, annotated, power=0.5, maximum=5.0)
    # sqrt(80 / 20), even, clipped, clipped, no positive, no negative
    torch.testing.assert_close(weights, torch.tensor([2.0, 1.0, 5.0, 0.2, 1.0, 0.2]))
    assert torch.equal(positive_weights(positives, annotated, 0.0, 5.0), torch.ones(6))


def test_full_balance_gives_positives_and_negatives_the_same_total_weight() -> None:
    positives, annotated = torch.tensor([3, 40, 80]), torch.tensor([100, 100, 100])
    weights = positive_weights(positives, annotated, power=1.0, maximum=1000.0)
    torch.testing.assert_close(weights * positives, (annotated - positives).float())


SIZES, SEVERAL = (3, 2, 4), (False, False, True)
RAISED = torch.tensor([4.0, 0.5, 2.0, 3.0, 8.0, 5.0, 0.25, 1.0, 2.0])


def draw_one_class(annotated_share: float) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, targets and annotated of six images; one class where only one is possible."""
    logits, targets, annotated, _ = draw(annotated_share)
    generator = torch.Generator().manual_seed(4)
    for attribute, size in enumerate(SIZES):
        if not SEVERAL[attribute]:
            chosen = F.one_hot(torch.randint(size, (6,), generator=generator), size).bool()
            targets[:, attribute == ATTRIBUTE_OF_CLASS] = chosen & annotated[:, [attribute]]
    return logits, targets, annotated


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_softmax_equals_a_loop_over_annotated_pairs_in_value_and_gradient(share: float) -> None:
    logits, targets, annotated = draw_one_class(share)
    pairs = []
    for image, attribute in annotated.nonzero().tolist():
        classes = attribute == ATTRIBUTE_OF_CLASS
        own, truth = logits[image, classes], targets[image, classes]
        if SEVERAL[attribute]:
            costs = torch.where(
                truth, -RAISED[classes] * own.sigmoid().log(), -(-own).sigmoid().log()
            )
            pairs.append(costs.sum())
        else:
            pairs.append(own.exp().sum().log() - own[truth].sum())
    expected = torch.stack(pairs).mean()
    value = SoftmaxClassificationLoss(SIZES, SEVERAL, RAISED)(labelled(logits, targets, annotated))
    torch.testing.assert_close(value, expected)
    gradients = [torch.autograd.grad(loss, logits)[0] for loss in (value, expected)]
    torch.testing.assert_close(*gradients)


def test_softmax_by_hand() -> None:
    # Of the first attribute the class has 3 / (3 + 1) of the softmax. An image may carry both
    # classes of the second, at odds of 3 and 1/3: it has the one, which counts twice, and not the
    # other. The third attribute is not annotated.
    logits = torch.tensor([[3.0, 1.0, 3.0, 1 / 3, 9.0]]).log()
    targets = torch.tensor([[True, False, True, False, True]])
    weights = torch.tensor([9.0, 9.0, 2.0, 9.0, 9.0])
    loss = SoftmaxClassificationLoss((2, 2, 1), (False, True, False), weights)
    value = loss(labelled(logits, targets, torch.tensor([[True, True, False]])))
    torch.testing.assert_close(value, -(1 + 2 + 1) / 2 * torch.tensor(0.75).log())
    # Without the second attribute, or with another class of it, the rest counts alone.
    targets[0, 2] = False
    value = loss(labelled(logits, targets, torch.tensor([[True, False, False]])))
    torch.testing.assert_close(value, -torch.tensor(0.75).log())


def test_softmax_is_that_of_torch_for_one_attribute() -> None:
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 3, 1, 1, 2])
    known = torch.ones(5, 1, dtype=torch.bool)
    value = SoftmaxClassificationLoss((4,), (False,), torch.full((4,), 3.0))(
        labelled(logits, F.one_hot(labels).bool(), known)
    )
    torch.testing.assert_close(value, F.cross_entropy(logits, labels))


def test_softmax_gives_classes_of_unannotated_attributes_no_gradient() -> None:
    logits, targets, annotated = draw_one_class(0.5)
    SoftmaxClassificationLoss(SIZES, SEVERAL, RAISED)(
        labelled(logits, targets, annotated)
    ).backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad != 0, annotated[:, ATTRIBUTE_OF_CLASS])


def test_softmax_of_nothing_annotated_is_a_zero_with_a_gradient() -> None:
    logits, targets, _ = draw_one_class(1.0)
    nothing = torch.zeros(6, 3, dtype=torch.bool)
    value = SoftmaxClassificationLoss(SIZES, SEVERAL, RAISED)(
        labelled(logits * 1e4, targets & False, nothing)
    )
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_softmax_computes_in_float32_under_autocast() -> None:
    logits, targets, annotated = draw_one_class(1.0)
    loss, half = SoftmaxClassificationLoss(SIZES, SEVERAL, RAISED), logits.detach().bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(labelled(half, targets, annotated))
    assert value.dtype == torch.float32
    assert torch.equal(value, loss(labelled(half.float(), targets, annotated)))
