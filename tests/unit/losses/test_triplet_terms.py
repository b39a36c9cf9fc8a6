"""Losses on the vectors of attributes, as ASEN, ASEN++ and MODC take them, against loops."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from m3net.errors import ConfigError
from m3net.losses import CombinedLoss
from m3net.losses.alignment import alignment_loss
from m3net.losses.triplet import drawn_triplet_loss
from tests.unit.losses.objective import classes_of, terms_for, terms_of

ATTRIBUTE_OF_CLASS = torch.tensor([0, 0, 0, 1, 1])
KINDS = ("single-label", "multi-label")


def make(*, gather: bool = False, **settings: Any) -> CombinedLoss:  # noqa: ANN401 - of terms_of
    counts = torch.tensor([10, 80, 30, 40, 5]), torch.full((5,), 90)
    classes = classes_of(ATTRIBUTE_OF_CLASS, 4, (False, False), *counts)
    terms = terms_of(**settings)
    return CombinedLoss(terms, classes, gather=gather, late_outputs={"local"})


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
    value = terms_for(make(center=0.0), logits, vectors, targets, annotated)["instance"]
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
    loss = make(momentum=0.7, margin=0.5)
    centers: dict[int, Tensor] = {}
    for images in (4, 9):
        logits, vectors, targets, annotated = draw(kind, images)
        value = terms_for(loss, logits, vectors, targets, annotated)["center"]
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


@pytest.mark.parametrize("drawn", [False, True])
def test_the_local_branch_adds_its_two_terms_by_their_weights(drawn: bool) -> None:
    logits, whole, targets, annotated = draw("single-label")
    close = torch.randn(9, 2, 4, generator=torch.Generator().manual_seed(4))
    drawn_for = torch.tensor([1, 1, 1, 0, 0, 0, 1, 1, 1])
    weights: dict[str, Any] = {"center": 0.0, "local": 0.3, "align": 0.7, "margin": 0.5}
    loss = make(**weights, instance=2.0, drawn=drawn)
    labels = targets, annotated
    with_it = terms_for(loss, logits, whole, *labels, local=close, drawn_for=drawn_for)
    without = terms_for(loss, logits, whole, *labels, drawn_for=drawn_for)
    assert without.keys() == {"classification", "instance", "total"}
    assert with_it.keys() == {*without, "local", "align"}
    if drawn:
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
        fewer = make(**{**weights, name: 0.0}, drawn=drawn)
        found = terms_for(fewer, logits, whole, *labels, local=close, drawn_for=drawn_for)
        assert found.keys() == with_it.keys() - {name}


def test_drawn_triplets_of_class_vectors_are_refused() -> None:
    logits, _, targets, annotated = draw("single-label")
    loss = make(center=0.0, drawn=True)
    batch = logits, torch.randn(9, 5, 4), targets, annotated
    with pytest.raises(ConfigError, match=r"ASEN, ASEN_V2 or ASEN\+\+"):
        terms_for(loss, *batch, drawn_for=torch.zeros(9).long())


@pytest.mark.parametrize("drawn_for", [None, torch.full((9,), -1)], ids=["none", "shuffled"])
def test_drawn_triplets_of_a_batch_drawn_otherwise_are_refused(drawn_for: Tensor | None) -> None:
    loss = make(center=0.0, drawn=True)
    with pytest.raises(ConfigError, match=r"data\.loading\.sampling=triplets"):
        terms_for(loss, *draw("single-label"), drawn_for=drawn_for)


def test_drawn_triplets_of_several_processes_together_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"term instance .* set model\.gather to false"):
        make(center=0.0, drawn=True, gather=True)
