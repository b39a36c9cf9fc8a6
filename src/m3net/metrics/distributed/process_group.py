"""The processes of an evaluation, and how rows of tensors pass between them."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Processes:
    """Those that evaluate together; one alone needs no group and sends nothing.

    All of them call each method together, with tensors on a device that their backend serves: the
    CPU with gloo, CUDA with NCCL.

    Attributes:
        rank: The place of this process among them.
        size: P, how many they are.
        group: Their group in `torch.distributed`; None for all processes that there are.
    """

    rank: int = 0
    size: int = 1
    group: Any = None

    @classmethod
    def of(cls, group: Any = None) -> "Processes":  # noqa: ANN401 - as torchmetrics holds it
        """Give the processes of a group, or this one alone where none were initialised."""
        if not (dist.is_available() and dist.is_initialized()):
            return cls()
        return cls(dist.get_rank(group), dist.get_world_size(group), group)

    def gather(self, rows: Tensor) -> list[Tensor]:
        """Give the rows of each process to all.

        Args:
            rows: (n, ...), of which only n may differ between processes.
        """
        if self.size == 1:
            return [rows]
        own = torch.tensor([len(rows)], device=rows.device)
        sizes = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(sizes, own, group=self.group)
        return [self.lend(rows, owner, int(size)) for owner, size in enumerate(sizes)]

    def lend(self, rows: Tensor, owner: int, size: int) -> Tensor:
        """Give the rows of one process to all.

        Args:
            rows: (size, ...) of the owner; those of the others only say of what form a row is.
            owner: The rank of the process whose rows they are.
            size: How many they are. Without any, nothing is sent.
        """
        if self.rank != owner:
            rows = rows.new_empty(size, *rows.shape[1:])
        rows = rows.contiguous()
        if self.size > 1 and rows.numel():
            dist.broadcast(rows, group=self.group, group_src=owner)
        return rows

    def deal(self, rows: Tensor, sent: list[int], received: list[int]) -> Tensor:
        """Send some rows to each process, and give those that came from each, by rank.

        Args:
            rows: (n, ...), first those for process 0.
            sent: How many rows go to each process; they sum to n.
            received: How many come from each.
        """
        if self.size == 1:
            return rows
        dealt = rows.new_empty(sum(received), *rows.shape[1:])
        dist.all_to_all_single(dealt, rows.contiguous(), received, sent, group=self.group)
        return dealt
