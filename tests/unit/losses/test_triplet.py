"""The instance triplet loss against a loop over every listed triplet."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from m3net.losses.triplet import find_anchors, triplet_loss

ATTRIBUTE_OF_CLASS = torch.tensor([0, 0, 0, 1, 1, 2, 2])
KINDS = ("single-label", "multi-label", "partly annotated")


def draw(kind: str, images: int = 9) -> tuple[Tensor, Tensor, Tensor]:
    """Representations, targets and annotated of a random batch."""
    generator = torch.Generator().manual_seed(KINDS.index(kind))
    phi = torch.randn(images, 7, 4, generator=generator) * 3
    share = 0.6 if kind == "partly annotated" else 1.0
    annotated = torch.rand(images, 3, generator=generator) < share
    scores = torch.rand(images, 7, generator=generator)
    if kind == "multi-label":
        targets = scores > 0.6
    else:
        best = [scores[:, a == ATTRIBUTE_OF_CLASS].amax(1, keepdim=True) for a in range(3)]
        targets = scores == torch.cat(best, dim=1)[:, ATTRIBUTE_OF_CLASS]
    return phi.requires_grad_(), targets & annotated[:, ATTRIBUTE_OF_CLASS], annotated


def list_triplets(targets: Tensor, annotated: Tensor) -> list[tuple[int, int, int, int]]:
    """Every (anchor, positive, negative, class) of a batch."""
    images, classes = targets.shape
    return [
        (anchor, positive, negative, m)
        for m in range(classes)
        for anchor in range(images)
        for positive in range(images)
        for negative in range(images)
        if targets[anchor, m] and targets[positive, m] and anchor != positive
        if annotated[negative, ATTRIBUTE_OF_CLASS[m]] and not targets[negative, m]
    ]


def loop(phi: Tensor, targets: Tensor, annotated: Tensor, margin: float) -> Tensor:
    """Mean over the listed triplets whose loss is not zero."""
    active = []
    for anchor, positive, negative, m in list_triplets(targets, annotated):
        near = F.cosine_similarity(phi[anchor, m], phi[positive, m], dim=0)
        far = F.cosine_similarity(phi[anchor, m], phi[negative, m], dim=0)
        if margin - near + far > 0:
            active.append(margin - near + far)
    return torch.stack(active).mean()


def loss_of(phi: Tensor, targets: Tensor, annotated: Tensor, margin: float = 0.2) -> Tensor:
    """The loss under test."""
    anchors = find_anchors(phi, targets, annotated, ATTRIBUTE_OF_CLASS)
    value: Tensor = triplet_loss(anchors, margin)
    return value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("margin", [0.2, 1.0])
def test_equals_a_loop_over_triplets_in_value_and_gradient(kind: str, margin: float) -> None:
    phi, targets, annotated = draw(kind)
    value = loss_of(phi, targets, annotated, margin)
    expected = loop(phi, targets, annotated, margin)
    torch.testing.assert_close(value, expected)
    gradients = [torch.autograd.grad(loss, phi)[0] for loss in (value, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


def test_large_batch_equals_the_triplets_in_one_tensor() -> None:
    phi, targets, annotated = draw("multi-label", images=60)
    anchors = find_anchors(phi, targets, annotated, ATTRIBUTE_OF_CLASS)
    # (L, B, B): anchor, positive, negative
    hinge = F.relu(0.2 - anchors.scores[:, :, None] + anchors.scores[:, None, :])
    hinge = hinge[anchors.positive[:, :, None] & anchors.negative[:, None, :]]
    torch.testing.assert_close(
        triplet_loss(anchors, 0.2).double(), hinge[hinge > 0].double().mean()
    )


def test_anchors_are_what_their_description_says() -> None:
    phi, targets, annotated = draw("partly annotated")
    anchors = find_anchors(phi, targets, annotated, ATTRIBUTE_OF_CLASS)
    found = set(zip(anchors.image.tolist(), anchors.class_id.tolist(), strict=True))
    assert found == {(i, m) for i, m in targets.nonzero().tolist()}
    for row, (image, m) in enumerate(
        zip(anchors.image.tolist(), anchors.class_id.tolist(), strict=True)
    ):
        torch.testing.assert_close(anchors.phi[row], phi[image, m] / phi[image, m].norm())
        cosines = F.cosine_similarity(phi[image, m], phi[:, m], dim=1)
        torch.testing.assert_close(anchors.scores[row], cosines)


def test_negatives_truly_lack_the_class() -> None:
    # Image 1 shares class 0 with the anchor and has class 1 too; 2 lacks class 0; 3 is unlabelled.
    targets = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]]).bool()
    annotated = torch.tensor([[True], [True], [True], [False]])
    anchors = find_anchors(torch.randn(4, 3, 2), targets, annotated, torch.zeros(3).long())
    rows = {
        (image, m): (positive.nonzero().flatten().tolist(), negative.nonzero().flatten().tolist())
        for image, m, positive, negative in zip(
            anchors.image.tolist(),
            anchors.class_id.tolist(),
            anchors.positive,
            anchors.negative,
            strict=True,
        )
    }
    assert rows == {
        (0, 0): ([1], [2]),
        (1, 0): ([0], [2]),
        (1, 1): ([2], [0]),
        (2, 1): ([1], [0]),
    }


def test_hand_worked_value() -> None:
    # Under class 0: anchor at 0 degrees, positive at 90, negative at 60; two anchors.
    degrees = torch.tensor([0.0, 90.0, 60.0]).deg2rad()
    phi = torch.stack([degrees.cos(), degrees.sin()], dim=1)[:, None] * torch.tensor(7.0)
    targets = torch.tensor([[True], [True], [False]])
    anchors = find_anchors(phi, targets, torch.ones(3, 1).bool(), torch.tensor([0]))
    expected = ((0.2 - 0 + 0.5) + (0.2 - 0 + 3**0.5 / 2)) / 2
    assert triplet_loss(anchors, 0.2).item() == pytest.approx(expected, abs=1e-6)


def test_a_negative_exactly_on_the_bar_is_not_active() -> None:
    # Cosines are 0 or 1. Margin 1: the far negative is on the bar. Margin 0: the near one is.
    phi = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])[:, None]
    targets = torch.tensor([[True], [True], [False], [False]])
    anchors = find_anchors(phi, targets, torch.ones(4, 1).bool(), torch.tensor([0]))
    assert triplet_loss(anchors, 1.0).item() == 1
    assert triplet_loss(anchors, 0.0).item() == 0


def test_does_not_depend_on_the_length_of_a_representation() -> None:
    phi, targets, annotated = draw("multi-label")
    lengths = torch.rand(9, 7, 1) * 10 + 0.01
    torch.testing.assert_close(
        loss_of(phi * lengths, targets, annotated), loss_of(phi, targets, annotated)
    )


@pytest.mark.parametrize("case", ["no labels", "nothing annotated", "no negatives", "all apart"])
def test_no_active_triplet_is_a_zero_with_a_gradient(case: str) -> None:
    phi, targets, annotated = draw("single-label")
    if case == "all apart":
        phi = targets.float()[:, :, None].expand(9, 7, 4) - 0.5
        phi = phi.clone().requires_grad_()
    elif case == "no negatives":
        targets = torch.ones_like(targets)
    else:
        targets = torch.zeros_like(targets)
        annotated = annotated if case == "no labels" else torch.zeros_like(annotated)
    value = loss_of(phi, targets, annotated)
    (gradient,) = torch.autograd.grad(value, phi)
    assert value.item() == 0
    assert not gradient.any()


@pytest.mark.parametrize("fill", [0.0, 1.0])
def test_zero_and_identical_vectors_have_a_finite_gradient(fill: float) -> None:
    _, targets, annotated = draw("multi-label")
    phi = torch.full((9, 7, 4), fill, requires_grad=True)
    value = loss_of(phi, targets, annotated)
    (gradient,) = torch.autograd.grad(value, phi)
    assert value.item() == pytest.approx(0.2, abs=1e-5)
    assert gradient.isfinite().all()


def test_autocast_computes_in_float32() -> None:
    phi, targets, annotated = draw("multi-label")
    values, gradients = [], []
    for enabled in (True, False):
        half = phi.detach().bfloat16().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            value = loss_of(half if enabled else half.float(), targets, annotated)
        values.append(value)
        gradients.append(torch.autograd.grad(value, half)[0])
    assert values[0].dtype == torch.float32
    assert torch.equal(*values)
    assert torch.equal(*gradients)
