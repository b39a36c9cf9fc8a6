"""Losses on the vectors of attributes, as ASEN, ASEN++ and MODC take them, against loops."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from m3net.errors import ConfigError
from m3net.losses import CombinedLoss, LossConfig
from m3net.losses.local import alignment_loss
from m3net.losses.triplet import drawn_triplet_loss

ATTRIBUTE_OF_CLASS = torch.tensor([0, 0, 0, 1, 1])
POSITIVES, COUNTS = torch.tensor([10, 80, 30, 40, 5]), torch.full((5,), 90)
KINDS = ("single-label", "multi-label")


def make(**settings: Any) -> CombinedLoss:  # noqa: ANN401 - settings of LossConfig, checked there
    return CombinedLoss(LossConfig(**settings), ATTRIBUTE_OF_CLASS, POSITIVES, COUNTS, dim=4)


def cosine(one: Tensor, other: Tensor) -> Tensor:
    found: Tensor = one @ other / (one.norm() * other.norm())
    return found


def draw(kind: str, images: int = 9) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits, a vector per attribute, targets and annotated; some images are not annotated."""
    generator = torch.Generator().manual_seed(KINDS.index(kind))
    annotated = torch.rand(images, 2, generator=generator) < 0.8
    scores = torch.rand(images, 5, generator=generator)
    best = torch.cat([scores[:, :3].amax(1, True).expand(-1, 3), scores[:, 3:].amax(1, True)], 1)
    best = torch.cat([best, best[:, -1:]], dim=1)
    targets = scores > 0.5 if kind == "multi-label" else scores == best
    vectors = 3 * torch.randn(images, 2, 4, generator=generator)
    logits = torch.randn(images, 5, generator=generator)
    return logits, vectors.requires_grad_(), targets & annotated[:, ATTRIBUTE_OF_CLASS], annotated


def active_mean(hinges: list[Tensor]) -> Tensor:
    return torch.stack([hinge for hinge in hinges if hinge > 0]).mean()


def triplet_loop(vectors: Tensor, targets: Tensor, annotated: Tensor, margin: float) -> Tensor:
    """Each anchor, each class that it carries; a negative lacks that class, not any other."""
    hinges = []
    for m, a in enumerate(ATTRIBUTE_OF_CLASS.tolist()):
        carriers = [i for i in range(len(vectors)) if targets[i, m]]
        lacking = [i for i in range(len(vectors)) if annotated[i, a] and not targets[i, m]]
        hinges += [
            margin
            - cosine(vectors[anchor, a], vectors[positive, a])
            + cosine(vectors[anchor, a], vectors[negative, a])
            for anchor in carriers
            for positive in carriers
            if positive != anchor
            for negative in lacking
        ]
    return active_mean(hinges)


@pytest.mark.parametrize("kind", KINDS)
def test_triplets_of_a_batch_equal_a_loop_in_value_and_gradient(kind: str) -> None:
    logits, vectors, targets, annotated = draw(kind)
    assert bool((targets[:, :3].sum(dim=1) > 1).any()) == (kind == "multi-label")
    value = make(center_weight=0.0)(logits, vectors, targets, annotated)["instance"]
    expected = triplet_loop(vectors, targets, annotated, 0.2)
    torch.testing.assert_close(value, expected)
    gradients = [torch.autograd.grad(loss, vectors)[0] for loss in (value, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


def mean_directions(
    vectors: Tensor, targets: Tensor, old: dict[int, Tensor], momentum: float
) -> dict[int, Tensor]:
    """A class's centre: the mean direction of its images, then mostly what it was before."""
    centers = dict(old)
    for m, a in enumerate(ATTRIBUTE_OF_CLASS.tolist()):
        units = [v[a] / v[a].norm() for v, t in zip(vectors, targets, strict=True) if t[m]]
        if units:
            mean = torch.stack(units).mean(dim=0)
            moved = momentum * old[m] + (1 - momentum) * mean if m in old else mean
            centers[m] = moved / moved.norm()
    return centers


@pytest.mark.parametrize("kind", KINDS)
def test_moving_centres_of_an_attributes_classes_equal_a_loop(kind: str) -> None:
    loss = make(center_momentum=0.7, margin=0.5)
    centers: dict[int, Tensor] = {}
    for images in (4, 9):
        logits, vectors, targets, annotated = draw(kind, images)
        value = loss(logits, vectors, targets, annotated)["center"]
        centers = mean_directions(vectors.detach(), targets, centers, 0.7)
        hinges = [
            0.5
            - cosine(vectors[anchor, a], centers[m])
            + cosine(vectors[anchor, a], vectors[negative, a])
            for m, a in enumerate(ATTRIBUTE_OF_CLASS.tolist())
            for anchor in range(images)
            for negative in range(images)
            if targets[anchor, m] and annotated[negative, a] and not targets[negative, m]
        ]
        expected = active_mean(hinges)
        torch.testing.assert_close(value, expected)
        gradients = [torch.autograd.grad(one, vectors)[0] for one in (value, expected)]
        torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


@given(
    triplets=st.integers(1, 5),
    margin=st.sampled_from([0.0, 0.2, 1.5]),
    seed=st.integers(0, 1000),
)
def test_drawn_triplets_equal_a_loop(triplets: int, margin: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(3 * triplets, 3, 4, generator=generator)
    attributes = torch.randint(0, 3, (triplets,), generator=generator)
    found = drawn_triplet_loss(vectors, attributes.repeat_interleave(3), margin)
    total = 0.0
    for t, a in enumerate(attributes.tolist()):
        anchor, positive, negative = (vectors[3 * t + place, a] for place in range(3))
        total += max(0.0, margin - float(cosine(anchor, positive) - cosine(anchor, negative)))
    # All triplets count, also those that are far enough apart.
    torch.testing.assert_close(found, torch.tensor(total / triplets), rtol=1e-4, atol=1e-5)


def test_the_alignment_equals_a_loop_and_moves_the_local_branch_alone() -> None:
    generator = torch.Generator().manual_seed(3)
    whole, close = (torch.randn(5, 2, 4, generator=generator).requires_grad_() for _ in range(2))
    annotated = torch.tensor([[1, 0], [1, 1], [0, 0], [0, 1], [1, 1]]).bool()
    found = alignment_loss(whole, close, annotated)
    distances = [1 - cosine(whole[i, a], close[i, a]) for i, a in annotated.nonzero().tolist()]
    torch.testing.assert_close(found, torch.stack(distances).mean())
    found.backward()  # type: ignore[no-untyped-call]  # torch's gap
    assert whole.grad is None
    assert close.grad is not None
    assert torch.equal(close.grad.abs().sum(dim=2) > 0, annotated)
    assert alignment_loss(whole, close, annotated & False).item() == 0


@pytest.mark.parametrize("triplets", ["batch", "drawn"])
def test_the_local_branch_adds_its_two_terms_by_their_weights(triplets: str) -> None:
    logits, whole, targets, annotated = draw("single-label")
    close = torch.randn(9, 2, 4, generator=torch.Generator().manual_seed(4))
    drawn_for = torch.tensor([1, 1, 1, 0, 0, 0, 1, 1, 1])
    weights = {"center_weight": 0.0, "local_weight": 0.3, "align_weight": 0.7, "margin": 0.5}
    loss = make(**weights, instance_weight=2.0, triplets=triplets)
    labels = targets, annotated
    with_it = loss(logits, whole, *labels, close=close, drawn_for=drawn_for)
    without = loss(logits, whole, *labels, close=None, drawn_for=drawn_for)
    assert without.keys() == {"classification", "instance", "total"}
    assert with_it.keys() == {*without, "local", "align"}
    if triplets == "drawn":
        local = drawn_triplet_loss(close, drawn_for, 0.5)
        instance = drawn_triplet_loss(whole, drawn_for, 0.5)
    else:
        local, instance = (triplet_loop(one, *labels, 0.5) for one in (close, whole))
    align = alignment_loss(whole, close, annotated)
    torch.testing.assert_close(with_it["instance"], instance)
    torch.testing.assert_close(with_it["local"], local)
    torch.testing.assert_close(with_it["align"], align)
    torch.testing.assert_close(with_it["total"], without["total"] + 0.3 * local + 0.7 * align)
    torch.testing.assert_close(without["total"], without["classification"] + 2 * instance)
    for name in ("local", "align"):
        fewer = make(**{**weights, f"{name}_weight": 0.0}, triplets=triplets)
        found = fewer(logits, whole, *labels, close=close, drawn_for=drawn_for)
        assert found.keys() == with_it.keys() - {name}


def test_drawn_triplets_of_class_vectors_are_refused() -> None:
    logits, _, targets, annotated = draw("single-label")
    loss = make(center_weight=0.0, triplets="drawn")
    with pytest.raises(ConfigError, match=r"asen, asen_v2 or asen_pp"):
        loss(logits, torch.randn(9, 5, 4), targets, annotated, drawn_for=torch.zeros(9).long())


@pytest.mark.parametrize("drawn_for", [None, torch.full((9,), -1)], ids=["none", "shuffled"])
def test_drawn_triplets_of_a_batch_drawn_otherwise_are_refused(drawn_for: Tensor | None) -> None:
    loss = make(center_weight=0.0, triplets="drawn")
    with pytest.raises(ConfigError, match=r"data\.loading\.sampling=triplets"):
        loss(*draw("single-label"), drawn_for=drawn_for)


@pytest.mark.parametrize("wrong", [{"center_weight": 1.0}, {"gather": True}], ids=str)
def test_drawn_triplets_with_what_they_have_not_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"triplets=drawn .*{next(iter(wrong))}"):
        make(**{"center_weight": 0.0, "triplets": "drawn", **wrong})


@pytest.mark.parametrize(
    ("setting", "value"),
    [("triplets", "hard"), ("local_weight", -0.1), ("align_weight", float("inf"))],
)
def test_a_setting_out_of_range_is_named(setting: str, value: float | str) -> None:
    with pytest.raises(ConfigError, match=rf"loss setting {setting} is .*{value}"):
        make(**{setting: value})


def test_a_local_branch_alone_is_nothing_to_train_for() -> None:
    weights = {f"{name}_weight": 0.0 for name in ("classification", "instance", "center")}
    with pytest.raises(ConfigError, match="nothing to train for"):
        make(**weights, local_weight=1.0, align_weight=1.0)
