"""What several processes agree on: errors, groups, states, and the table of all attributes."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from m3net.errors import M3NetError
from m3net.metrics import (
    QUERY,
    AttributeRetrieval,
    AttributeScores,
    QueryResults,
    RetrievalMetrics,
)
from tests.support.gloo import in_processes

SIZE = 4
NAMES, SIZES = ("sleeve", "collar", "length"), (2, 3, 2)
Batch = tuple[Tensor, Tensor, Tensor, Tensor]


def images(seed: int = 0, number: int = 24) -> Batch:
    """Draw images of one attribute, all of them queries and in the gallery."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.rand(number, 2, generator=generator) < 0.6
    roles = torch.full((number,), 3, dtype=torch.uint8)
    return torch.randn(number, 4, generator=generator), targets, roles, torch.arange(number)


def part(batch: Batch, place: int, parts: int) -> Batch:
    embeddings, targets, roles, index = (column.tensor_split(parts)[place] for column in batch)
    return embeddings, targets, roles, index


def metric(*batches: Batch, **settings: Any) -> AttributeRetrieval:  # noqa: ANN401 - of torchmetrics
    made = AttributeRetrieval(num_classes=2, **settings)
    for batch in batches:
        made.update(*batch)
    return made


def with_infinite_embeddings(rank: int) -> object:
    embeddings, targets, roles, index = part(images(), rank, SIZE)
    if rank == 2:
        embeddings[[1, 4], 3] = torch.inf
        roles[[1, 4]] = QUERY  # only the processes that score these ever get their embeddings
    return metric((embeddings, targets, roles, index)).compute()


def with_other_labels_elsewhere(rank: int) -> object:
    embeddings, targets, roles, index = part(images(), rank, SIZE)
    again = (embeddings[:1], ~targets[:1], roles[:1], index[:1] * 0 + 5)
    batches = [(embeddings, targets, roles, index)]
    return metric(*batches, *([again] if rank == 3 else [])).compute()


def with_longer_embeddings(rank: int) -> object:
    embeddings, targets, roles, index = part(images(), rank, SIZE)
    if rank == 1:
        embeddings = torch.cat([embeddings, embeddings], dim=1)
    return metric((embeddings, targets, roles, index)).results()


def without_the_last_images(rank: int) -> object:
    _, _, roles, _ = images()
    embeddings, targets, own_roles, index = part(images(), rank, SIZE)
    metrics = RetrievalMetrics(["sleeve"], [2])
    if rank != 3:
        metrics.update([embeddings], targets, own_roles[:, None], index)
    metrics.check_complete(roles[:, None], torch.ones(len(roles), 1, dtype=torch.int64))
    return None


BROKEN: dict[Callable[[int], object], str] = {
    with_infinite_embeddings: "embeddings of images 13, 16 are not finite",
    with_other_labels_elsewhere: "images [5] occur again with other targets",
    with_longer_embeddings: "embeddings of one attribute have lengths [4, 8]",
    without_the_last_images: "'sleeve': 18 of 24 queries and 18 of 24 gallery images",
}


def many() -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
    """Draw 51 images; from the 41st on, none is a query for collar or has a role for length."""
    generator = torch.Generator().manual_seed(0)
    embeddings = [torch.randn(51, length, generator=generator) for length in (4, 8, 4)]
    targets = torch.rand(51, sum(SIZES), generator=generator) < 0.4
    roles = torch.randint(4, (51, 3), generator=generator, dtype=torch.uint8)
    roles[41:, 1] &= 2
    roles[41:, 2] = 0
    return embeddings, targets, roles, torch.randperm(51, generator=generator)


def table(rows: list[int]) -> tuple[list[AttributeScores], dict[str, QueryResults]]:
    """Return the table and results of metrics that have seen these images."""
    embeddings, targets, roles, index = many()
    metrics = RetrievalMetrics(NAMES, SIZES, protocol="multi")
    metrics.update([own[rows] for own in embeddings], targets[rows], roles[rows], index[rows])
    return metrics.table(), metrics.results()


def work(rank: int) -> dict[str, Any]:
    """Cause errors in one process, collect what all raise, and check that all recover."""
    said = []
    for broken in BROKEN:
        with pytest.raises((M3NetError, ValueError)) as caught:
            broken(rank)
        said.append((caught.type, str(caught.value)))
    pairs = [dist.new_group([0, 1]), dist.new_group([2, 3])]
    in_pair = metric(part(images(rank // 2), rank % 2, 2), process_group=pairs[rank // 2])
    whole = metric(part(images(), rank, SIZE))
    whole.sync()
    gathered = len(whole.index)
    synced = None
    if rank == 0:  # needs no other, and takes the states back
        synced = whole.compute()["map_all"], whole.results().query_index, gathered
    else:
        whole.unsync()
    whole.update(*part(images(), rank, SIZE))
    again = whole.compute()["map_all"], whole.results().query_index, len(whole.index)
    return {
        "said": said,
        "pair": in_pair.compute(),
        "synced": synced,
        "again": again,
        "table": table(list(range(51))[rank * 14 : (rank + 1) * 14]),
    }


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The outcome in each process."""
    return in_processes(work, SIZE, tmp_path_factory.mktemp("processes"))


@pytest.mark.parametrize("place", range(len(BROKEN)), ids=[own.__name__ for own in BROKEN])
def test_all_processes_raise_what_is_wrong_in_one(found: list[dict[str, Any]], place: int) -> None:
    [(kind, words)] = {own["said"][place] for own in found}
    assert list(BROKEN.values())[place] in words
    assert kind is (ValueError if "occur" in words or "lengths" in words else M3NetError)


def test_a_group_of_processes_evaluates_for_itself(found: list[dict[str, Any]]) -> None:
    for rank, own in enumerate(found):
        alone = metric(images(rank // 2)).compute()
        assert own["pair"].keys() == alone.keys()
        for name, score in own["pair"].items():
            assert score.item() == pytest.approx(alone[name].item(), abs=1e-12)
    assert found[0]["pair"]["map_all"] != found[2]["pair"]["map_all"]


def test_states_that_were_gathered_are_not_exchanged_again(found: list[dict[str, Any]]) -> None:
    alone = metric(images())
    synced, *again = found[0]["synced"], *(own["again"] for own in found)
    for map_all, query_index, _ in (synced, *again):
        assert map_all.item() == pytest.approx(alone.compute()["map_all"].item(), abs=1e-12)
        assert torch.equal(query_index, torch.arange(24))
    assert synced[2] == 24, "images of all"
    assert [own[2] for own in again] == [2] * SIZE, "their own two batches"


def test_the_table_of_all_attributes_is_that_of_one_process(found: list[dict[str, Any]]) -> None:
    rows, results = table(list(range(51)))
    for own in found:
        for ours, theirs in zip(own["table"][0], rows, strict=True):
            assert ours.values == pytest.approx(theirs.values, abs=1e-12, nan_ok=True)
            assert (ours.attribute, ours.num_queries, ours.num_gallery) == (
                *(theirs.attribute, theirs.num_queries, theirs.num_gallery),
            )
            assert ours.num_queries_without_relevant == theirs.num_queries_without_relevant
        for name, wanted in results.items():
            assert torch.equal(own["table"][1][name].query_index, wanted.query_index)
            assert torch.equal(own["table"][1][name].query_class, wanted.query_class)
