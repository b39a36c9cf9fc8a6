"""Any number of processes, with any parts of the images, agree with one ranking of all."""

from dataclasses import dataclass, fields
from functools import cache
from typing import Any, NamedTuple, get_args

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from m3net.base.protocol import Protocol
from m3net.metrics import (
    GALLERY,
    QUERY,
    AttributeRetrieval,
    Images,
    MetricsConfig,
    QueryResults,
    QuerySums,
    rank,
)
from tests.support.gloo import in_processes

SIZES = (1, 2, 3, 4)
CLASSES, CUTOFFS = 3, (1, 4)
Batch = tuple[Tensor, Tensor, Tensor, Tensor]
Found = tuple[dict[str, Tensor], QueryResults]


class Case(NamedTuple):
    """One evaluation of some images.

    Attributes:
        seed: Of the images, and of who holds which.
        protocol: What a query is.
        gallery_limit: Bytes for the gallery; few let it pass in blocks.
    """

    seed: int
    protocol: Protocol
    gallery_limit: int | None

    @property
    def config(self) -> MetricsConfig:
        # Blocks of two or three queries, lists that some galleries do not fill.
        return MetricsConfig(
            cutoffs=CUTOFFS,
            without_relevant=("zero", "skip")[self.seed % 2],
            top_k=6,
            memory_limit=2_000 if self.gallery_limit else 2**27,
            gallery_limit=self.gallery_limit,
        )


CASES = [
    Case(seed, protocol, limit)
    for seed in range(14)
    for protocol in get_args(Protocol)
    for limit in (None, 100)
]


@dataclass(frozen=True)
class Drawn:
    """Images and the processes that see them.

    Attributes:
        images: All that are met by any process, with the embedding that counts.
        roles: Their roles.
        batches: For each process its batches; none where it never updates.
    """

    images: Images
    roles: Tensor
    batches: list[list[Batch]]


@cache
def draw(seed: int, size: int) -> Drawn:
    """Draw images, some of which occur repeatedly, each time with another embedding.

    Some processes meet no image, no query or none of the gallery.
    """
    generator = torch.Generator().manual_seed(1_000 * size + seed)

    def below(limit: int, number: int = 1) -> Tensor:
        return torch.randint(limit, (number,), generator=generator)

    number, length = (40, 7, 1, 0)[min(int(below(8)), 3)], (1, 5)[below(2)]
    targets = torch.rand(number, CLASSES, generator=generator) < 0.4
    roles = below(4, number).to(torch.uint8)
    index = torch.randperm(3 * number + 1, generator=generator)[:number]
    met = torch.cat([torch.arange(number), below(max(number, 1), min(number, 9))])
    met = met[torch.randperm(len(met), generator=generator)]
    # Few scores are equal, or most.
    step = (1e-3, 0.5)[below(2)]
    embeddings = (torch.randn(len(met), length, generator=generator) / step).round() * step
    holders = torch.randperm(size, generator=generator)[: 1 + int(below(size))]
    holder = holders[below(len(holders), len(met))]
    if below(2):
        holder[(roles[met] & QUERY) != 0] = holders[0]
    met_by = [(holder == process).nonzero().squeeze(1) for process in range(size)]
    counted = torch.zeros(number, length)
    for place in torch.cat(met_by).flip(0).tolist():  # the first writes last
        counted[met[place]] = embeddings[place]
    batches = [
        [
            (embeddings[part], targets[met[part]], roles[met[part]], index[met[part]])
            for part in (places.tensor_split(2) if len(places) or below(2) else ())
        ]
        for places in met_by
    ]
    return Drawn(Images(counted, targets, index), roles, batches)


def evaluated(case: Case, batches: list[Batch], **settings: Any) -> AttributeRetrieval:  # noqa: ANN401 - of torchmetrics
    """Return a metric updated with some batches."""
    metric = AttributeRetrieval(
        CLASSES, protocol=case.protocol, config=case.config, block_size=4, **settings
    )
    for batch in batches:
        metric.update(*batch)
    return metric


def found_by(metric: AttributeRetrieval) -> Found:
    return metric.compute(), metric.results()


def work(process: int) -> list[Found]:
    """Evaluate all cases in one of the processes."""
    size = dist.get_world_size()
    return [found_by(evaluated(case, draw(case.seed, size).batches[process])) for case in CASES]


@pytest.fixture(scope="module", params=SIZES)
def found(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[list[Found]]:
    """The results of each process, case by case."""
    return in_processes(work, request.param, tmp_path_factory.mktemp("processes"))


def expected(case: Case, drawn: Drawn) -> Found:
    """Rank the images that count in a single process."""
    asks, listed = ((drawn.roles & role) != 0 for role in (QUERY, GALLERY))
    by_index = drawn.images.index.argsort()
    queries = drawn.images.select(by_index[asks[by_index]])
    gallery = drawn.images.select(listed)
    results = rank(queries, gallery, protocol=case.protocol, cutoffs=CUTOFFS, top_k=6)
    sums = QuerySums.of(results)
    scores: dict[str, float] = dict(sums.means(case.config.without_relevant))
    scores["num_queries"], scores["num_gallery"] = len(results), len(gallery)
    scores["num_queries_without_relevant"] = results.num_without_relevant
    return {
        name: torch.tensor(score, dtype=torch.float64) for name, score in scores.items()
    }, results


def assert_same(ours: Found, theirs: Found, atol: float) -> None:
    """Compare means and terms within a tolerance, and all else bit by bit."""
    assert ours[0].keys() == theirs[0].keys()
    for name, score in ours[0].items():
        torch.testing.assert_close(
            score.double(), theirs[0][name].double(), rtol=0, atol=atol, equal_nan=True
        )
    own, other = (columns(results) for results in (ours[1], theirs[1]))
    assert own.keys() == other.keys()
    for name, values in own.items():
        allowed = atol if values.dtype == torch.float64 else 0
        torch.testing.assert_close(values, other[name], rtol=0, atol=allowed, msg=name)


def columns(results: QueryResults) -> dict[str, Tensor]:
    named = {field.name: getattr(results, field.name) for field in fields(QueryResults)}
    terms: dict[str, Tensor] = named.pop("terms")
    return named | terms


def test_all_processes_give_what_one_ranking_of_all_images_gives(found: list[list[Found]]) -> None:
    for place, case in enumerate(CASES):
        wanted = expected(case, draw(case.seed, len(found)))
        for own in found:
            assert_same(own[place], wanted, atol=1e-12)


def test_all_processes_give_the_same_to_the_bit(found: list[list[Found]]) -> None:
    for own in found[1:]:
        for ours, theirs in zip(own, found[0], strict=True):
            assert_same(ours, theirs, atol=0)


def test_the_cases_are_uneven() -> None:
    drawn = [draw(case.seed, size) for case in CASES for size in SIZES[1:]]
    batches = [own for one in drawn for own in one.batches]
    assert any(not own for own in batches), "a process that never updates"
    assert any(own and not any(len(index) for *_, index in own) for own in batches)
    for role in (QUERY, GALLERY):
        assert any(
            any(len(own[3]) for own in held) and not any((own[2] & role).any() for own in held)
            for held in batches
        )
    met = [
        torch.cat([index[roles != 0] for own in one.batches for *_, roles, index in own])
        for one in drawn
        if len(one.images) > 1
    ]
    assert any(len(index) > len(index.unique()) for index in met)  # type: ignore[no-untyped-call]  # torch's gap
