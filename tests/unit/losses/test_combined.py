"""The objective: its terms are those of its parts, its settings do what they say."""

from typing import Any

import pytest
import torch
from torch import Tensor

from m3net.errors import ConfigError
from m3net.losses import (
    BinaryClassification,
    CenterTriplets,
    CombinedLoss,
    InstanceTriplets,
    LocalAlignment,
    SoftmaxClassification,
    Term,
    class_log_weight,
)
from m3net.losses.centers import ClassCenters, center_triplet_loss
from m3net.losses.classification import (
    BinaryClassificationLoss,
    SoftmaxClassificationLoss,
    positive_weights,
)
from m3net.losses.triplet import find_anchors, triplet_loss
from m3net.models.representations import posteriors
from tests.unit.losses.objective import COUNTS, POSITIVES, classes_of, labelled, terms_for, terms_of

ATTRIBUTE_OF_CLASS = torch.tensor([0, 0, 1, 1, 1])
CLASSES = classes_of(ATTRIBUTE_OF_CLASS, 3, (False, True))


def draw() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits, representations, targets and annotated of eight images."""
    generator = torch.Generator().manual_seed(0)
    annotated = torch.rand(8, 2, generator=generator) < 0.8
    targets = (torch.rand(8, 5, generator=generator) < 0.4) & annotated[:, ATTRIBUTE_OF_CLASS]
    logits = torch.randn(8, 5, generator=generator, requires_grad=True)
    phi = torch.randn(8, 5, 3, generator=generator, requires_grad=True)
    return logits, phi, targets, annotated


def make(*weights: float, **settings: Any) -> CombinedLoss:  # noqa: ANN401 - of terms_of
    """The objective with some settings."""
    return CombinedLoss(terms_of(*weights, **settings), CLASSES)


def test_total_is_the_weighted_sum_of_the_parts() -> None:
    logits, phi, targets, annotated = draw()
    loss = make(0.5, 2.0, 3.0, margin=0.4)
    terms = terms_for(loss, logits, phi, targets, annotated)

    anchors = find_anchors(phi, targets, annotated, ATTRIBUTE_OF_CLASS)
    centers = ClassCenters(5, 3, "ema", momentum=0.9)
    centers.update(anchors)
    weights = positive_weights(POSITIVES, COUNTS, power=0.5, maximum=10.0)
    classification = BinaryClassificationLoss(ATTRIBUTE_OF_CLASS, weights)
    expected = {
        "classification": classification(labelled(logits, targets, annotated)),
        "instance": triplet_loss(anchors, 0.4),
        "center": center_triplet_loss(anchors, centers, 0.4),
    }
    assert terms.keys() == {*expected, "total"}
    for name, value in expected.items():
        assert value > 0
        torch.testing.assert_close(terms[name], value)
    total = 0.5 * expected["classification"] + 2 * expected["instance"] + 3 * expected["center"]
    torch.testing.assert_close(terms["total"], total)
    terms["total"].backward()  # type: ignore[no-untyped-call]  # torch's gap
    assert logits.grad is not None
    assert phi.grad is not None


@pytest.mark.parametrize("name", ["classification", "instance", "center"])
def test_a_weight_of_zero_leaves_the_term_out(name: str) -> None:
    whole = terms_for(make(), *draw())
    part = terms_for(make(**{name: 0.0}), *draw())
    assert part.keys() == whole.keys() - {name}
    torch.testing.assert_close(part["total"], whole["total"] - whole[name])


def test_without_center_loss_there_are_no_center_weights() -> None:
    assert not list(make(center=0.0, centers="learnable").parameters())
    assert [p.shape for p in make(centers="learnable").parameters()] == [(5, 3)]


def test_centers_follow_in_training_only_and_serve_the_first_batch() -> None:
    loss, batch = make(), draw()
    loss.eval()
    assert terms_for(loss, *batch)["center"].item() == 0
    assert not loss.state_dict()["terms.center.centers.seen"].any()
    loss.train()
    assert terms_for(loss, *batch)["center"].item() > 0
    assert torch.equal(loss.state_dict()["terms.center.centers.seen"], batch[2].any(dim=0))


def test_state_dict_carries_the_class_weights() -> None:
    loss, unknown = make(), torch.zeros(5)
    others = classes_of(ATTRIBUTE_OF_CLASS, 3, positives=unknown, annotated=unknown)
    copy = CombinedLoss(terms_of(), others)
    copy.load_state_dict(loss.state_dict())
    expected = positive_weights(POSITIVES, COUNTS, 0.5, 10.0)
    assert torch.equal(copy.state_dict()["terms.classification.positive_weight"], expected)


def test_log_weight_undoes_the_shift_of_the_trained_logit() -> None:
    # One class, carried by 10 of 90 images: the best constant logit is the log odds plus the shift.
    classes = classes_of(torch.tensor([0]), 1, (False,), torch.tensor([10]), torch.tensor([90]))
    terms: dict[str, Term] = {"classification": BinaryClassification()}
    loss = CombinedLoss(terms, classes)
    targets = (torch.arange(90) < 10)[:, None]
    logit = (torch.tensor(10 / 80).log() + class_log_weight(terms, classes)).requires_grad_()
    inputs = torch.zeros(90, 1, 1), targets, torch.ones(90, 1, dtype=torch.bool)
    terms_for(loss, logit.expand(90, 1), *inputs)["total"].backward()  # type: ignore[no-untyped-call]  # torch's gap
    assert logit.grad is not None
    assert logit.grad.item() == pytest.approx(0, abs=1e-6)


def test_softmax_takes_the_place_of_the_binary_loss_and_weighs_where_it_has_to() -> None:
    batch = draw()
    terms = terms_for(make(softmax=True), *batch)
    weights = positive_weights(POSITIVES, COUNTS, power=0.5, maximum=10.0)
    alone = SoftmaxClassificationLoss((2, 3), (False, True), weights)(
        labelled(batch[0], *batch[2:])
    )
    torch.testing.assert_close(terms["classification"], alone)
    others = terms_for(make(), *batch)
    assert terms["classification"] != others["classification"]
    assert (terms["instance"], terms["center"]) == (others["instance"], others["center"])
    # An image carries one class of the first attribute, and may carry several of the second.
    expected = torch.cat([torch.zeros(2), weights[2:].log()])
    assert torch.equal(class_log_weight(terms_of(softmax=True), CLASSES), expected)


def test_softmax_is_least_where_posteriors_are_the_shares_of_the_classes() -> None:
    # Ten images: of the first attribute 7 and 3 carry each class; of the second 2, 5 and 9.
    first = torch.arange(10) < 7
    shares = torch.tensor([0.7, 0.3, 0.2, 0.5, 0.9])
    columns = [first, ~first, *(torch.arange(10) < count for count in (2, 5, 9))]
    loss = make(instance=0.0, center=0.0, softmax=True)
    log_weight = class_log_weight(terms_of(softmax=True), CLASSES)
    odds = torch.cat([shares[:2].log(), shares[2:].logit()])
    logits = (odds + log_weight).requires_grad_()
    targets, known = torch.stack(columns, dim=1), torch.ones(10, 2, dtype=torch.bool)
    batch = logits.expand(10, 5), torch.zeros(10, 5, 3), targets, known
    terms_for(loss, *batch)["total"].backward()  # type: ignore[no-untyped-call]  # torch's gap
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, torch.zeros(5), atol=1e-6, rtol=0)
    found = posteriors(logits[None], log_weight, (2, 3), (False, True))
    torch.testing.assert_close(found[0], shares)


def test_autocast_computes_in_float32() -> None:
    logits, phi, targets, annotated = draw()
    half = logits.bfloat16(), phi.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = terms_for(make(), *half, targets, annotated)
    expected = terms_for(make(), half[0].float(), half[1].float(), targets, annotated)
    for name, value in expected.items():
        assert terms[name].dtype == torch.float32
        assert torch.equal(terms[name], value)


def test_a_batch_without_labels_can_be_trained_on() -> None:
    logits, phi, targets, annotated = draw()
    loss = make(centers="learnable")
    total = terms_for(loss, logits, phi, targets & False, annotated & False)["total"]
    total.backward()  # type: ignore[no-untyped-call]  # torch's gap
    assert total.item() == 0
    assert all(tensor.grad is not None for tensor in (logits, phi, *loss.parameters()))


@pytest.mark.parametrize(
    ("kind", "setting", "value"),
    [
        (BinaryClassification, "weight", -1.0),
        (CenterTriplets, "weight", float("nan")),
        (InstanceTriplets, "weight", float("inf")),
        (InstanceTriplets, "margin", -0.1),
        (CenterTriplets, "margin", 2.5),
        (CenterTriplets, "centers", "mean"),
        (CenterTriplets, "momentum", 1.0),
        (BinaryClassification, "over_classes", "least"),
        (SoftmaxClassification, "balance_power", -0.5),
        (BinaryClassification, "balance_maximum", 0.5),
        (LocalAlignment, "weight", -0.1),
    ],
)
def test_a_setting_out_of_range_is_named(kind: type[Term], setting: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"{kind.__name__}\.{setting} .* is .*{value}"):
        kind(**{setting: value})  # type: ignore[arg-type]


def test_all_weights_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no term of model\.loss has a weight above 0"):
        make(0.0, 0.0, 0.0)


def test_two_terms_that_weight_the_logits_are_refused() -> None:
    terms: dict[str, Term] = {"one": BinaryClassification(), "two": SoftmaxClassification()}
    with pytest.raises(ConfigError, match=r"one and two of model\.loss both train the logits"):
        class_log_weight(terms, CLASSES)
    assert torch.equal(class_log_weight({"center": CenterTriplets()}, CLASSES), torch.zeros(5))


def test_an_output_that_a_network_never_returns_is_named() -> None:
    terms: dict[str, Term] = {"local": InstanceTriplets(vectors="lcoal")}
    with pytest.raises(ConfigError, match=r"term local of .* reads 'lcoal', .* logits, vectors"):
        terms_for(CombinedLoss(terms, CLASSES, late_outputs={"local"}), *draw())
