"""Losses of two processes, with gradients averaged by DDP, against those of one with all images."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from m3net.losses import CombinedLoss, Term
from tests.support.gloo import in_processes
from tests.unit.losses.objective import classes_of, terms_for, terms_of

ATTRIBUTE_OF_CLASS = torch.tensor([0, 0, 0, 1, 1])
CLASSES, DIM, FEATURES = 5, 3, 4
TERMS = ("classification", "instance", "center", "local", "align")
LOCAL = ("local", "align")
Batch = tuple[Tensor, Tensor, Tensor]
Step = tuple[Tensor, dict[str, Tensor]]
Found = list[tuple[list[Step], dict[str, Tensor]]]


class Case(NamedTuple):
    """What is trained for.

    Attributes:
        term: The one loss.
        center: How centres move.
        gather: Whether the losses are those of all batches together.
        same_counts: Whether each process has as many annotated pairs.
    """

    term: str
    center: Literal["ema", "learnable"]
    gather: bool
    same_counts: bool = False

    def terms(self) -> dict[str, Term]:
        weights: dict[str, Any] = {name: float(name == self.term) for name in TERMS}
        if self.term in LOCAL:
            # Never alone: what is local comes in addition.
            weights["instance"] = 1.0
        return terms_of(**weights, centers=self.center, margin=0.5)


CASES = [
    *(Case(term, "ema", gather) for term in TERMS for gather in (False, True)),
    *(Case("center", "learnable", gather) for gather in (False, True)),
    Case("classification", "ema", gather=False, same_counts=True),
]

MOVED = [case for case in CASES if (case.term, case.center) == ("center", "ema")]


class Model(nn.Module):
    """A linear network and its loss, as a task holds them; the same in all processes.

    With a local branch it has vectors of attributes, else of classes.
    """

    def __init__(self, case: Case) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.has_local = case.term in LOCAL
        self.network = nn.Linear(FEATURES, CLASSES * (1 + DIM))
        self.close = nn.Linear(FEATURES, 2 * DIM) if self.has_local else None
        classes = classes_of(ATTRIBUTE_OF_CLASS, DIM)
        self.loss = CombinedLoss(case.terms(), classes, gather=case.gather)

    def forward(self, images: Tensor, targets: Tensor, annotated: Tensor) -> Tensor:
        outputs = self.network(images).unflatten(1, (CLASSES, 1 + DIM))
        vectors, close = outputs[..., 1:], None
        if self.close is not None:
            vectors, close = vectors[:, :2], self.close(images).unflatten(1, (2, DIM))
        labels = targets, annotated
        return terms_for(self.loss, outputs[..., 0], vectors, *labels, local=close)["total"]


def batches(rank: int, *, same_counts: bool) -> list[Batch]:
    """Draw two batches of a process; in the second, process 1 has no label."""
    generator = torch.Generator().manual_seed(rank)
    drawn = []
    for step in range(2):
        images = torch.randn(6, FEATURES, generator=generator)
        annotated = torch.rand(6, 2, generator=generator) < (0.9, 0.5)[rank]
        if same_counts:
            annotated = torch.tensor([[True, False], [True, True], [False, True]] * 2)
        targets = torch.rand(6, CLASSES, generator=generator) < 0.4
        targets &= annotated[:, ATTRIBUTE_OF_CLASS] & bool(step == 0 or rank == 0)
        drawn.append((images, targets, annotated))
    return drawn


def steps(model: nn.Module, drawn: list[Batch]) -> Iterator[Step]:
    """Give value and gradients of each batch; weights stay as they are, moving averages move."""
    for batch in drawn:
        model.zero_grad()
        value = model(*batch)
        value.backward()
        gradients = {
            name.removeprefix("module."): weight.grad.clone()
            for name, weight in model.named_parameters()
            if weight.grad is not None
        }
        yield value.detach(), gradients


def centers(model: Model) -> dict[str, Tensor]:
    state = model.loss.state_dict()
    return {name: value for name, value in state.items() if "centers" in name}


def work(rank: int) -> Found:
    """Run all cases as one of two processes."""
    found = []
    for case in CASES:
        model = Model(case)
        wrapped = DistributedDataParallel(model)
        taken = list(steps(wrapped, batches(rank, same_counts=case.same_counts)))
        found.append((taken, centers(model)))
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Found]:
    """What each of two processes found, case by case."""
    return in_processes(work, 2, tmp_path_factory.mktemp("two"))


def union(case: Case) -> list[Batch]:
    """The batches of both processes as one."""
    pairs = zip(*(batches(rank, same_counts=case.same_counts) for rank in (0, 1)), strict=True)
    return [
        (torch.cat([one[0], two[0]]), torch.cat([one[1], two[1]]), torch.cat([one[2], two[2]]))
        for one, two in pairs
    ]


def mean_of(one: list[Step], two: list[Step]) -> list[Step]:
    """The mean over two processes of the values and the gradients of each step."""
    return [
        (
            (ours[0] + theirs[0]) / 2,
            {name: (gradient + theirs[1][name]) / 2 for name, gradient in ours[1].items()},
        )
        for ours, theirs in zip(one, two, strict=True)
    ]


def differs(ours: list[Step], theirs: list[Step]) -> bool:
    """Say whether the gradients of any step differ by more than rounding."""
    return any(
        not torch.allclose(gradient, other[1][name], rtol=1e-4, atol=1e-6)
        for own, other in zip(ours, theirs, strict=True)
        for name, gradient in own[1].items()
    )


@pytest.mark.parametrize("place", range(len(CASES)), ids=[str(tuple(case)) for case in CASES])
def test_processes_agree_on_gradients_and_centers(found: list[Found], place: int) -> None:
    (one, centers_of_one), (two, centers_of_two) = (own[place] for own in found)
    for ours, theirs in zip(one, two, strict=True):
        assert ours[1].keys() == theirs[1].keys()
        assert all(torch.equal(gradient, theirs[1][name]) for name, gradient in ours[1].items())
    assert all(torch.equal(own, centers_of_two[name]) for name, own in centers_of_one.items())


@pytest.mark.parametrize("case", [case for case in CASES if case.gather or case.same_counts])
def test_one_process_with_all_images_has_the_same_gradient(found: list[Found], case: Case) -> None:
    place = CASES.index(case)
    model = Model(case)
    expected = list(steps(model, union(case)))
    assert any(gradient.any() for _, gradients in expected for gradient in gradients.values())
    taken = [own[place][0] for own in found]
    assert not differs(taken[0], expected)
    for step, (value, _) in enumerate(expected):
        mean = (taken[0][step][0] + taken[1][step][0]) / 2
        torch.testing.assert_close(mean, value)
        if case.gather:
            torch.testing.assert_close(taken[0][step][0], value)


@pytest.mark.parametrize("case", [case for case in CASES if not case.gather and case not in MOVED])
def test_else_the_gradient_is_the_mean_of_the_processes_own(found: list[Found], case: Case) -> None:
    alone = [
        list(steps(Model(case), batches(rank, same_counts=case.same_counts))) for rank in (0, 1)
    ]
    taken = found[0][CASES.index(case)][0]
    assert not differs(taken, mean_of(*alone))
    together = list(steps(Model(case), union(case)))
    assert differs(taken, together) != case.same_counts


@pytest.mark.parametrize("case", MOVED)
def test_moving_averages_are_those_of_all_images(found: list[Found], case: Case) -> None:
    model = Model(case)
    list(steps(model, union(case)))
    taken, moved = found[0][CASES.index(case)]
    for name, own in centers(model).items():
        torch.testing.assert_close(moved[name], own)
    if not case.gather:
        # With the centres of all images, each process has the loss of its own.
        model.eval()
        alone = [list(steps(model, batches(rank, same_counts=False)[-1:])) for rank in (0, 1)]
        assert not differs(taken[-1:], mean_of(*alone))
