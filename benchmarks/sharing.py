"""Metrics of one attribute on several processes of one thread, compared with a cost formula.

docs/distributed.md states the formula. The smallest size fits its two constants: the cost of a
multiplication on one process, and of a received byte on two. Unless stated otherwise, time is CPU
time, since there may be fewer cores than processes.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from benchmarks.__main__ import Figure
from m3net.metrics import GALLERY, QUERY, AttributeRetrieval, MetricsConfig

PROCESSES = (1, 2, 4)
LENGTH, CLASSES, ROUNDS = 512, 8, 3


class Size(NamedTuple):
    """Images of one attribute: the first are queries, the others the gallery."""

    queries: int
    gallery: int

    def multiplications(self, processes: int) -> float:
        """Return the number of multiplications of each process."""
        return self.queries * self.gallery * LENGTH / processes

    def received(self, processes: int) -> float:
        """Return the number of bytes that each process receives."""
        others = (processes - 1) / processes
        vectors = self.gallery + self.queries / processes
        labels = (self.queries + self.gallery) * (CLASSES + 18)
        return others * (4 * LENGTH * vectors + labels)


SIZES = (Size(1_000, 4_000), Size(2_000, 8_000), Size(4_000, 16_000))


class Measured(NamedTuple):
    """Cost of one size on one process: CPU and wall time in seconds, and bytes received."""

    cpu: float
    wall: float
    received: int


def measure() -> Iterator[Figure]:
    """Measure each number of processes in turn, by the busiest process."""
    taken = {count: _measure_together(count) for count in PROCESSES}
    cpu = {count: [max(one.cpu for one in own) for own in sizes] for count, sizes in taken.items()}
    wall = {
        count: [max(one.wall for one in own) for own in sizes] for count, sizes in taken.items()
    }
    smallest = SIZES[0]
    multiplying = cpu[1][0] / smallest.multiplications(1)
    receiving = cpu[2][0] - multiplying * smallest.multiplications(2)
    receiving /= smallest.received(2)
    for place, size in enumerate(SIZES):
        for count in PROCESSES:
            name = f"sharing.{size.queries}x{size.gallery}_by_{count}"
            predicted = multiplying * size.multiplications(count) + receiving * size.received(count)
            yield Figure(f"{name}_cpu_over_formula", cpu[count][place] / predicted)
            if count == 1:
                continue
            yield Figure(f"{name}_cpu_over_one", cpu[count][place] / cpu[1][place])
            yield Figure(f"{name}_wall_over_one", wall[count][place] / wall[1][place])
            received = [one.received for one in taken[count][place]]
            ratio = max(received) / size.received(count)
            yield Figure(f"{name}_received_over_formula", ratio)
            yield Figure(f"{name}_received_mib_each", max(received) / 2**20)
            yield Figure(f"{name}_received_mib_in_all", sum(received) / 2**20)
    yield Figure("sharing.passes_over_whole", _passes_over_whole(smallest))


def _passes_over_whole(size: Size) -> float:
    """Return how many times as long one process takes with the gallery in four blocks."""
    metric = _metric(size, rank=0, processes=1)
    times: dict[int | None, list[float]] = {None: [], size.gallery * 12 * LENGTH // 4: []}
    for done in range(ROUNDS + 1):
        for limit, taken in times.items():
            metric.config = MetricsConfig(gallery_limit=limit)
            start = time.process_time()
            metric.compute()
            if done:
                taken.append(time.process_time() - start)
    whole, passing = (statistics.median(taken) for taken in times.values())
    return passing / whole


def _measure_together(processes: int) -> list[tuple[Measured, ...]]:
    """Start processes, and return the cost of each size on each of them."""
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        spawn(_take_part, args=(processes, folder), nprocs=processes)  # type: ignore[no-untyped-call]  # torch's gap
        files = [Path(folder) / f"{rank}.pt" for rank in range(processes)]
        return list(zip(*(torch.load(file, weights_only=False) for file in files), strict=True))


def _take_part(rank: int, processes: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=processes,
        timeout=timedelta(minutes=10),
    )
    received = _count_received()
    found = []
    for size in SIZES:
        metric = _metric(size, rank, processes)
        rounds = []
        for _ in range(ROUNDS + 1):
            dist.barrier()
            before, start, used = sum(received), time.perf_counter(), time.process_time()
            metric.compute()
            cpu, wall = time.process_time() - used, time.perf_counter() - start
            rounds.append(Measured(cpu, wall, sum(received) - before))
        columns = (statistics.median(column) for column in zip(*rounds[1:], strict=True))
        found.append(Measured(*columns))
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def _metric(size: Size, rank: int, processes: int) -> AttributeRetrieval:
    """Build a metric with the images that a distributed sampler deals to this process."""
    generator = torch.Generator().manual_seed(0)
    number = size.queries + size.gallery
    labels = torch.randint(CLASSES, (number,), generator=generator)
    centers = torch.randn(CLASSES, LENGTH, generator=generator)
    embeddings = centers[labels] + 4.5 * torch.randn(number, LENGTH, generator=generator)
    embeddings /= embeddings.norm(dim=1, keepdim=True)
    roles = torch.full((number,), GALLERY, dtype=torch.uint8)
    roles[: size.queries] = QUERY
    own = torch.arange(number)[rank::processes]
    metric = AttributeRetrieval(CLASSES, compute_with_cache=False)
    metric.update(embeddings[own], torch.eye(CLASSES).bool()[labels[own]], roles[own], own)
    return metric


def _count_received() -> list[int]:
    """Record the bytes that this process receives from others, from now on."""
    received: list[int] = []

    def noting(send: Callable[..., Any], count: Callable[..., int]) -> Callable[..., Any]:
        def sent(*args: Any, **settings: Any) -> Any:  # noqa: ANN401 - as torch has it
            received.append(count(*args, **settings))
            return send(*args, **settings)

        return sent

    def broadcast(rows: Tensor, *, group: object, group_src: int) -> int:
        del group
        return 0 if group_src == dist.get_rank() else rows.nbytes

    def all_gather(parts: list[Tensor], own: Tensor, *, group: object) -> int:
        del group
        return sum(part.nbytes for part in parts) - own.nbytes

    def all_to_all(rows: Tensor, *args: Any, **_: object) -> int:  # noqa: ANN401 - as torch has it
        counts: list[int] = args[1]
        return rows.nbytes * (sum(counts) - counts[dist.get_rank()]) // max(sum(counts), 1)

    for name, count in (
        ("broadcast", broadcast),
        ("all_gather", all_gather),
        ("all_to_all_single", all_to_all),
    ):
        setattr(dist, name, noting(getattr(dist, name), count))
    return received
