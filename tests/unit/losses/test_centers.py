"""Centres against a hand-written moving average, alone and in two processes; and their loss."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from m3net.losses.centers import ClassCenters, center_triplet_loss
from m3net.losses.triplet import Anchors, find_anchors
from tests.support.gloo import in_processes

ATTRIBUTE_OF_CLASS = torch.tensor([0, 0, 0, 1, 1])
CLASSES, DIM, MOMENTUM = 5, 3, 0.7


def draw(seed: int, images: int = 6) -> tuple[Tensor, Tensor, Tensor]:
    """Representations, targets and annotated of a random multi-label batch."""
    generator = torch.Generator().manual_seed(seed)
    annotated = torch.rand(images, 2, generator=generator) < 0.8
    targets = torch.rand(images, CLASSES, generator=generator) < 0.35
    phi = torch.randn(images, CLASSES, DIM, generator=generator) * 5
    return phi.requires_grad_(), targets & annotated[:, ATTRIBUTE_OF_CLASS], annotated


def anchors_of(phi: Tensor, targets: Tensor, annotated: Tensor) -> Anchors:
    """The anchors of a batch."""
    return find_anchors(phi, targets, annotated, ATTRIBUTE_OF_CLASS)


def average(batches: list[tuple[Tensor, Tensor, Tensor]]) -> dict[int, Tensor]:
    """The moving averages after some batches, class by class and image by image."""
    centers: dict[int, Tensor] = {}
    for phi, targets, _ in batches:
        for m in range(CLASSES):
            found = [phi[i, m] / phi[i, m].norm() for i in range(len(phi)) if targets[i, m]]
            if found:
                mean = sum(found, torch.zeros(DIM)) / len(found)
                old = centers.get(m, mean)
                new = MOMENTUM * old + (1 - MOMENTUM) * mean
                centers[m] = (new / new.norm()).detach()
    return centers


def assert_centers(centers: Tensor, seen: Tensor, expected: dict[int, Tensor]) -> None:
    """Hold centres to the hand-written ones; an unseen class has none."""
    assert seen.nonzero().flatten().tolist() == sorted(expected)
    for m, center in expected.items():
        torch.testing.assert_close(centers[m], center)


def test_moving_average_equals_a_hand_loop() -> None:
    centers = ClassCenters(CLASSES, DIM, "ema", MOMENTUM)
    batches = [draw(seed, images=3) for seed in range(4)]
    for step, batch in enumerate(batches):
        centers.update(anchors_of(*batch))
        assert_centers(centers.centers, centers.seen, average(batches[: step + 1]))
    assert not centers.centers.requires_grad


def test_state_dict_carries_centers_and_what_was_seen() -> None:
    centers, copy = (ClassCenters(CLASSES, DIM, "ema", MOMENTUM) for _ in range(2))
    centers.update(anchors_of(*draw(0, images=2)))
    copy.load_state_dict(centers.state_dict())
    assert torch.equal(copy.centers, centers.centers)
    assert torch.equal(copy.seen, centers.seen)
    assert 0 < int(copy.seen.sum()) < CLASSES


def test_learnable_centers_learn_and_do_not_average() -> None:
    centers = ClassCenters(CLASSES, DIM, "learnable", MOMENTUM)
    before = centers.centers.clone()
    anchors = anchors_of(*draw(0))
    centers.update(anchors)
    assert torch.equal(centers.centers, before)
    center_triplet_loss(anchors, centers, 2.0).backward()  # type: ignore[no-untyped-call]  # torch's gap
    assert centers.centers.grad is not None
    has_gradient = centers.centers.grad.any(dim=1).nonzero().flatten().tolist()
    assert has_gradient == sorted(set(anchors.class_id.tolist()))


def loop(batch: tuple[Tensor, Tensor, Tensor], centers: ClassCenters, margin: float) -> Tensor:
    """Mean over the listed pairs of anchor and negative whose loss is not zero."""
    phi, targets, annotated = batch
    active = []
    for i, m in targets.nonzero().tolist():
        near = F.cosine_similarity(phi[i, m], centers.centers[m], dim=0)
        for k in range(len(phi)):
            lacks = annotated[k, ATTRIBUTE_OF_CLASS[m]] and not targets[k, m]
            value = margin - near + F.cosine_similarity(phi[i, m], phi[k, m], dim=0)
            if lacks and centers.seen[m] and value > 0:
                active.append(value)
    return torch.stack(active).mean()


@pytest.mark.parametrize("kind", ["ema", "learnable"])
@pytest.mark.parametrize("margin", [0.2, 1.0])
def test_loss_equals_a_loop_over_triplets_in_value_and_gradient(kind: str, margin: float) -> None:
    centers = ClassCenters(CLASSES, DIM, "ema" if kind == "ema" else "learnable", MOMENTUM)
    centers.update(anchors_of(*draw(0, images=3)))
    batch = draw(1)
    value = center_triplet_loss(anchors_of(*batch), centers, margin)
    expected = loop(batch, centers, margin)
    torch.testing.assert_close(value, expected)
    inputs = [batch[0], *centers.parameters()]
    for pair in zip(
        torch.autograd.grad(value, inputs), torch.autograd.grad(expected, inputs), strict=True
    ):
        torch.testing.assert_close(*pair, rtol=1e-4, atol=1e-6)


def test_unseen_centers_give_a_zero_with_a_gradient() -> None:
    phi, targets, annotated = draw(0)
    centers = ClassCenters(CLASSES, DIM, "ema", MOMENTUM)
    value = center_triplet_loss(anchors_of(phi, targets, annotated), centers, 0.2)
    value.backward()  # type: ignore[no-untyped-call]  # torch's gap
    assert value.item() == 0
    assert phi.grad is not None
    assert not phi.grad.any()


def test_without_anchors_learnable_centers_still_get_a_gradient() -> None:
    phi, targets, annotated = draw(0)
    centers = ClassCenters(CLASSES, DIM, "learnable", MOMENTUM)
    center_triplet_loss(anchors_of(phi, targets & False, annotated), centers, 0.2).backward()  # type: ignore[no-untyped-call]  # torch's gap
    assert centers.centers.grad is not None
    assert not centers.centers.grad.any()


@pytest.mark.parametrize("fill", [0.0, 1.0])
def test_zero_and_identical_vectors_have_a_finite_gradient(fill: float) -> None:
    _, targets, annotated = draw(0)
    phi = torch.full((6, CLASSES, DIM), fill, requires_grad=True)
    centers = ClassCenters(CLASSES, DIM, "ema", MOMENTUM)
    anchors = anchors_of(phi, targets, annotated)
    centers.update(anchors)
    center_triplet_loss(anchors, centers, 0.2).backward()  # type: ignore[no-untyped-call]  # torch's gap
    assert phi.grad is not None
    assert phi.grad.isfinite().all()
    assert centers.centers.isfinite().all()


def batches_of_process(rank: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Two batches, of different sizes in each process; process 1 has no label in the second."""
    first, second = draw(10 + rank, images=3 + 2 * rank), draw(20 + rank, images=4)
    return [first, second if rank == 0 else (second[0], second[1] & False, second[2])]


def centers_of_process(rank: int) -> dict[str, Tensor]:
    """Update centres as one of two processes."""
    centers = ClassCenters(CLASSES, DIM, "ema", MOMENTUM)
    for batch in batches_of_process(rank):
        centers.update(anchors_of(*batch))
    return centers.state_dict()


def test_processes_agree_on_the_centers_of_all_batches(tmp_path: Path) -> None:
    steps = zip(batches_of_process(0), batches_of_process(1), strict=True)
    together = [
        (torch.cat([one[0], two[0]]), torch.cat([one[1], two[1]]), torch.cat([one[2], two[2]]))
        for one, two in steps
    ]
    states = in_processes(centers_of_process, 2, tmp_path)
    assert torch.equal(states[0]["centers"], states[1]["centers"])
    for state in states:
        assert_centers(state["centers"], state["seen"], average(together))
