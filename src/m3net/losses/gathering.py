"""The batches of all processes as one, with gradients."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def gather_batch(
    floats: Sequence[Tensor], bools: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    """Join the batches of all P processes by rank; a single process keeps its batch.

    Every process then computes the same loss, with a gradient for every image. These P gradients
    are summed, and `DistributedDataParallel` divides by P: the weights get the gradient of one
    process with the whole batch.

    Args:
        floats: Tensors with a gradient, (B, ...) each; `m3net.data.samplers` makes B the same in
            every process.
        bools: Labels, (B, ...) each.

    Returns:
        Both with P * B rows; floats in float32.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return list(floats), list(bools)
    # One collective each way for all tensors: no process can run them in another order.
    outputs = _AllGather.apply(torch.cat([rows.flatten(1).float() for rows in floats], dim=1))
    labels = _all_gather(torch.cat([rows.flatten(1) for rows in bools], dim=1))
    return _split(outputs, floats), _split(labels, bools)


def _split(joined: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Undo the joining of columns: (N, sum of sizes) -> (N, ...) each, in the shapes of `like`."""
    parts = torch.split(joined, [rows[0].numel() for rows in like], dim=1)
    return [part.reshape(-1, *rows.shape[1:]) for part, rows in zip(parts, like, strict=True)]


class _AllGather(torch.autograd.Function):
    """(B, ...) of each process -> (P * B, ...), whose gradients are summed over the processes.

    `torch.distributed.nn.functional.all_gather` is deprecated, and its replacement is private.
    `LightningModule.all_gather(sync_grads=True)` needs a trainer, and one collective per tensor.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:  # noqa: ANN401 - torch's context
        ctx.size = len(rows)
        return _all_gather(rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ANN401 - torch's context
        gradient = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(gradient)
        own: Tensor = gradient[ctx.size * dist.get_rank() :][: ctx.size]
        return own


def _all_gather(rows: Tensor) -> Tensor:
    parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, rows.contiguous())
    return torch.cat(parts)
