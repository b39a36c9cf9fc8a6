"""The processes of an evaluation, and the collectives between them."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that evaluate together; a single process needs no `torch.distributed`.

    All processes must call each method together, with tensors on a device of their backend: the CPU
    for gloo, CUDA for NCCL.
    """

    rank: int = 0
    """The rank of this process in the group."""
    size: int = 1
    """P, the number of processes."""
    group: Any = None
    """The group of `torch.distributed`; None for its default group."""

    @classmethod
    def of(cls, group: Any = None) -> "ProcessGroup":  # noqa: ANN401 - typed so by torchmetrics
        """Wrap a group of `torch.distributed`, or this process alone if it is not initialized."""
        if not (dist.is_available() and dist.is_initialized()):
            return cls()
        return cls(dist.get_rank(group), dist.get_world_size(group), group)

    def all_gather(self, rows: Tensor) -> list[Tensor]:
        """Return the (n, ...) rows of each process, by rank; only n may differ."""
        if self.size == 1:
            return [rows]
        num_rows = torch.tensor([len(rows)], device=rows.device)
        sizes = [torch.empty_like(num_rows) for _ in range(self.size)]
        dist.all_gather(sizes, num_rows, group=self.group)
        return [self.broadcast(rows, source, int(size)) for source, size in enumerate(sizes)]

    def broadcast(self, rows: Tensor, source: int, size: int) -> Tensor:
        """Return the rows of one process.

        Args:
            rows: (size, ...) in the source; in the others only the shape of a row is used.
            source: The rank of the process that sends.
            size: The number of rows. If 0, nothing is sent.
        """
        if self.rank != source:
            rows = rows.new_empty(size, *rows.shape[1:])
        rows = rows.contiguous()
        if self.size > 1 and rows.numel():
            dist.broadcast(rows, group=self.group, group_src=source)
        return rows

    def all_to_all(self, rows: Tensor, sent: list[int], received: list[int]) -> Tensor:
        """Send some rows to each process, and return the rows that it sent, by rank.

        Args:
            rows: (n, ...), the rows for process 0 first.
            sent: The number of rows for each process; they sum to n.
            received: The number of rows from each process.
        """
        if self.size == 1:
            return rows
        result = rows.new_empty(sum(received), *rows.shape[1:])
        dist.all_to_all_single(result, rows.contiguous(), received, sent, group=self.group)
        return result
