"""The objective: its terms are those of its parts, its settings do what they say."""

from typing import Any

import pytest
import torch
from torch import Tensor

from m3net.errors import ConfigError
from m3net.losses import (
    AttributeClassificationLoss,
    CenterTripletLoss,
    ClassCenters,
    ClassTripletLoss,
    CombinedLoss,
    LossConfig,
    find_anchors,
    positive_weights,
)
from m3net.losses.classification import SoftmaxClassificationLoss
from m3net.models.representations import posteriors

ATTRIBUTE_OF_CLASS = torch.tensor([0, 0, 1, 1, 1])
POSITIVES, COUNTS = torch.tensor([10, 80, 30, 0, 5]), torch.full((5,), 90)


def draw() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits, representations, targets and annotated of eight images."""
    generator = torch.Generator().manual_seed(0)
    annotated = torch.rand(8, 2, generator=generator) < 0.8
    targets = (torch.rand(8, 5, generator=generator) < 0.4) & annotated[:, ATTRIBUTE_OF_CLASS]
    logits = torch.randn(8, 5, generator=generator, requires_grad=True)
    phi = torch.randn(8, 5, 3, generator=generator, requires_grad=True)
    return logits, phi, targets, annotated


def make(**settings: Any) -> CombinedLoss:  # noqa: ANN401 - settings of LossConfig, checked there
    """The objective with some settings."""
    several = (False, True)
    return CombinedLoss(
        LossConfig(**settings), ATTRIBUTE_OF_CLASS, POSITIVES, COUNTS, dim=3, multi_label=several
    )


def test_total_is_the_weighted_sum_of_the_parts() -> None:
    logits, phi, targets, annotated = draw()
    loss = make(classification_weight=0.5, instance_weight=2.0, center_weight=3.0, margin=0.4)
    terms = loss(logits, phi, targets, annotated)

    anchors = find_anchors(phi, targets, annotated, ATTRIBUTE_OF_CLASS)
    centers = ClassCenters(5, 3, "ema", momentum=0.9)
    centers.update(anchors)
    weights = positive_weights(POSITIVES, COUNTS, power=0.5, maximum=10.0)
    classification = AttributeClassificationLoss(ATTRIBUTE_OF_CLASS, weights)
    expected = {
        "classification": classification(logits, targets, annotated),
        "instance": ClassTripletLoss(0.4)(anchors),
        "center": CenterTripletLoss(0.4)(anchors, centers),
    }
    assert terms.keys() == {*expected, "total"}
    for name, value in expected.items():
        assert value > 0
        torch.testing.assert_close(terms[name], value)
    total = 0.5 * expected["classification"] + 2 * expected["instance"] + 3 * expected["center"]
    torch.testing.assert_close(terms["total"], total)
    terms["total"].backward()
    assert logits.grad is not None
    assert phi.grad is not None


@pytest.mark.parametrize("name", ["classification", "instance", "center"])
def test_a_weight_of_zero_leaves_the_term_out(name: str) -> None:
    whole = make()(*draw())
    part = make(**{f"{name}_weight": 0.0})(*draw())
    assert part.keys() == whole.keys() - {name}
    torch.testing.assert_close(part["total"], whole["total"] - whole[name])


def test_without_center_loss_there_are_no_center_weights() -> None:
    assert not list(make(center="learnable", center_weight=0.0).parameters())
    assert [p.shape for p in make(center="learnable").parameters()] == [(5, 3)]


def test_centers_follow_in_training_only_and_serve_the_first_batch() -> None:
    loss, batch = make(), draw()
    loss.eval()
    assert loss(*batch)["center"].item() == 0
    assert not loss.state_dict()["centers.seen"].any()
    loss.train()
    assert loss(*batch)["center"].item() > 0
    assert torch.equal(loss.state_dict()["centers.seen"], batch[2].any(dim=0))


def test_state_dict_carries_the_class_weights() -> None:
    loss = make()
    unknown = torch.zeros(5)
    copy = CombinedLoss(LossConfig(), ATTRIBUTE_OF_CLASS, unknown, unknown, dim=3)
    copy.load_state_dict(loss.state_dict())
    expected = positive_weights(POSITIVES, COUNTS, 0.5, 10.0).log()
    torch.testing.assert_close(copy.class_log_weight, expected)


def test_log_weight_undoes_the_shift_of_the_trained_logit() -> None:
    # One class, carried by 10 of 90 images: the best constant logit is the log odds plus the shift.
    loss = CombinedLoss(
        LossConfig(instance_weight=0.0, center_weight=0.0),
        torch.tensor([0]),
        torch.tensor([10]),
        torch.tensor([90]),
        dim=1,
    )
    targets = (torch.arange(90) < 10)[:, None]
    logit = (torch.tensor(10 / 80).log() + loss.class_log_weight).requires_grad_()
    inputs = torch.zeros(90, 1, 1), targets, torch.ones(90, 1, dtype=torch.bool)
    loss(logit.expand(90, 1), *inputs)["total"].backward()
    assert logit.grad is not None
    assert logit.grad.item() == pytest.approx(0, abs=1e-6)


def test_softmax_takes_the_place_of_the_binary_loss_and_weighs_where_it_has_to() -> None:
    batch = draw()
    terms = make(classification="softmax")(*batch)
    weights = positive_weights(POSITIVES, COUNTS, power=0.5, maximum=10.0)
    alone = SoftmaxClassificationLoss((2, 3), (False, True), weights)(batch[0], *batch[2:])
    torch.testing.assert_close(terms["classification"], alone)
    others = make()(*batch)
    assert terms["classification"] != others["classification"]
    assert (terms["instance"], terms["center"]) == (others["instance"], others["center"])
    # An image carries one class of the first attribute, and may carry several of the second.
    expected = torch.cat([torch.zeros(2), weights[2:].log()])
    assert torch.equal(make(classification="softmax").class_log_weight, expected)


def test_softmax_is_least_where_posteriors_are_the_shares_of_the_classes() -> None:
    # Ten images: of the first attribute 7 and 3 carry each class; of the second 2, 5 and 9.
    first = torch.arange(10) < 7
    shares = torch.tensor([0.7, 0.3, 0.2, 0.5, 0.9])
    columns = [first, ~first, *(torch.arange(10) < count for count in (2, 5, 9))]
    loss = make(classification="softmax", instance_weight=0.0, center_weight=0.0)
    odds = torch.cat([shares[:2].log(), shares[2:].logit()])
    logits = (odds + loss.class_log_weight).requires_grad_()
    targets, known = torch.stack(columns, dim=1), torch.ones(10, 2, dtype=torch.bool)
    loss(logits.expand(10, 5), torch.zeros(10, 5, 3), targets, known)["total"].backward()
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, torch.zeros(5), atol=1e-6, rtol=0)
    found = posteriors(logits[None], loss.class_log_weight, (2, 3), (False, True))
    torch.testing.assert_close(found[0], shares)


def test_autocast_computes_in_float32() -> None:
    logits, phi, targets, annotated = draw()
    half = logits.bfloat16(), phi.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = make()(*half, targets, annotated)
    expected = make()(half[0].float(), half[1].float(), targets, annotated)
    for name, value in expected.items():
        assert terms[name].dtype == torch.float32
        assert torch.equal(terms[name], value)


def test_a_batch_without_labels_can_be_trained_on() -> None:
    logits, phi, targets, annotated = draw()
    loss = make(center="learnable")
    total = loss(logits, phi, targets & False, annotated & False)["total"]
    total.backward()
    assert total.item() == 0
    assert all(tensor.grad is not None for tensor in (logits, phi, *loss.parameters()))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("classification_weight", -1.0),
        ("instance_weight", float("nan")),
        ("center_weight", float("inf")),
        ("margin", -0.1),
        ("margin", 2.5),
        ("center", "mean"),
        ("classification", "hinge"),
        ("center_momentum", 1.0),
        ("balance_power", -0.5),
        ("balance_maximum", 0.5),
    ],
)
def test_a_setting_out_of_range_is_named(setting: str, value: float | str) -> None:
    with pytest.raises(ConfigError, match=rf"loss setting {setting} is .*{value}"):
        make(**{setting: value})


def test_all_weights_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match="nothing to train for"):
        LossConfig(classification_weight=0.0, instance_weight=0.0, center_weight=0.0)
