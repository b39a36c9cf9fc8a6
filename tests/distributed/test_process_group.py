"""The collectives, against what was sent."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from m3net.metrics.distributed.process_group import ProcessGroup
from tests.support.gloo import in_processes

DTYPES = (torch.float32, torch.float64, torch.int64, torch.uint8, torch.bool)


def rows_of(rank: int, size: int, dtype: torch.dtype) -> Tensor:
    """Return as many rows as the rank, so that process 0 has none."""
    return (torch.arange(rank * size).reshape(rank, size) + rank).to(dtype)


def work(rank: int) -> list[list[Tensor]]:
    """Run all collectives, and gather in a subgroup."""
    processes = ProcessGroup.of()
    size = processes.size
    assert processes.rank == rank
    some = dist.new_group(list(range(size - 1, -1, -1))[:2])
    taken = []
    for dtype in DTYPES:
        own = rows_of(rank, 3, dtype)
        strided = own.T.contiguous().T
        taken.append(processes.all_gather(strided))
        taken.append([processes.broadcast(own, owner, owner) for owner in range(size)])
    # Process r sends r + s rows to process s, which all hold both numbers.
    counts = [rank + other for other in range(size)]
    pairs = torch.tensor([[rank, other] for other in range(size)])
    sent = pairs.repeat_interleave(torch.tensor(counts), dim=0)
    taken.append([processes.all_to_all(sent, counts, counts)])
    if rank >= size - 2:
        taken.append(ProcessGroup.of(some).all_gather(rows_of(rank, 2, torch.float32)))
    return taken


@pytest.mark.parametrize("size", [1, 2, 3])
def test_each_process_gets_what_was_meant_for_it(size: int, tmp_path: Path) -> None:
    for rank, taken in enumerate(in_processes(work, size, tmp_path)):
        expected = [[rows_of(owner, 3, dtype) for owner in range(size)] for dtype in DTYPES]
        assert_equal(taken[: 2 * len(DTYPES)], [rows for rows in expected for _ in range(2)])
        came = [[other, rank] for other in range(size) for _ in range(other + rank)]
        assert taken[2 * len(DTYPES)][0].tolist() == came
        if rank >= size - 2:
            members = range(max(size - 2, 0), size)
            assert_equal(taken[-1:], [[rows_of(owner, 2, torch.float32) for owner in members]])


def test_one_process_alone_keeps_what_it_has() -> None:
    rows = torch.eye(3)
    alone = ProcessGroup.of()
    assert (alone.rank, alone.size) == (0, 1)
    assert alone.all_gather(rows)[0] is rows
    assert alone.broadcast(rows, source=0, size=3) is rows
    assert alone.all_to_all(rows, [3], [3]) is rows


def assert_equal(ours: list[list[Tensor]], theirs: list[list[Tensor]]) -> None:
    for own, other in zip(ours, theirs, strict=True):
        for one, two in zip(own, other, strict=True):
            torch.testing.assert_close(one, two, rtol=0, atol=0)
