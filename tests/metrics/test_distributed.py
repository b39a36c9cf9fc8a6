"""Two processes with uneven parts of the images give what one process gives, to the bit."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from m3net.metrics import QueryResults, RetrievalMetrics
from m3net.protocol import Protocol

NAMES, SIZES = ("sleeve", "collar", "length"), (2, 3, 2)
# Rows of each process, batch by batch: 41 in two batches and 12 in three, of which the second
# is the padding of a sampler (rows 0 and 1 again).
PARTS = ((range(30), range(30, 41)), (range(41, 50), range(2), range(50, 51)))


def images() -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
    """Draw 51 images; process 1 has no query of collar and no image of length at all."""
    generator = torch.Generator().manual_seed(0)
    embeddings = [torch.randn(51, length, generator=generator) for length in (4, 8, 4)]
    targets = torch.rand(51, sum(SIZES), generator=generator) < 0.4
    roles = torch.randint(4, (51, 3), generator=generator, dtype=torch.uint8)
    roles[41:, 1] &= 2
    roles[:2, 1:] = 0
    roles[41:, 2] = 0
    return embeddings, targets, roles, torch.randperm(51, generator=generator)


def evaluated(protocol: Protocol, batches: Sequence[Sequence[int]]) -> RetrievalMetrics:
    """Give metrics that have seen these batches of rows."""
    embeddings, targets, roles, index = images()
    metrics = RetrievalMetrics(NAMES, SIZES, protocol=protocol, block_size=5)
    for batch in batches:
        rows = list(batch)
        metrics.update([own[rows] for own in embeddings], targets[rows], roles[rows], index[rows])
    return metrics


def plain(metrics: RetrievalMetrics) -> dict[str, object]:
    """Give everything that the metrics compute, in Python numbers."""
    found: dict[str, object] = {name: value.item() for name, value in metrics.compute().items()}
    for attribute, results in metrics.results().items():
        columns = {field.name: getattr(results, field.name) for field in fields(QueryResults)}
        columns |= columns.pop("terms")
        found |= {f"{attribute} {name}": values.tolist() for name, values in columns.items()}
    return found


def work(process: int, protocol: Protocol, folder: str) -> None:
    """Evaluate the part of one process and save what it computes."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/rendezvous",
        rank=process,
        world_size=2,
        timeout=timedelta(seconds=20),
    )
    torch.save(plain(evaluated(protocol, PARTS[process])), f"{folder}/{process}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize("protocol", get_args(Protocol))
def test_two_uneven_processes_equal_one(
    protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A started process imports this module by the name that pytest gave it.
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    spawn(work, args=(protocol, str(tmp_path)), nprocs=2)  # type: ignore[no-untyped-call]  # torch's gap
    expected = plain(evaluated(protocol, [range(51)]))
    for process in range(2):
        assert torch.load(tmp_path / f"{process}.pt") == expected


def test_the_case_is_uneven() -> None:
    _, targets, roles, _ = images()
    own = [torch.cat([roles[list(batch)] for batch in part]) for part in PARTS]
    assert len(own[0]) != len(own[1])
    assert (own[0] & 1).any(dim=0).all()
    assert (own[1] & 1).any(dim=0).tolist() == [True, False, False]
    assert own[1][:, 2].sum() == 0
    assert targets[:, :2].sum(dim=1).tolist().count(2) > 0, "some images ask more than once"
