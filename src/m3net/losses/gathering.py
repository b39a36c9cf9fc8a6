"""The batches of all processes as one, with gradients."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def gather_batch(
    logits: Tensor, phi: Tensor, targets: Tensor, annotated: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Join the batches of all P processes, by rank; one process alone keeps its own.

    Every process then computes the same loss, and each would send its whole gradient to the
    embeddings of every image. These P gradients are summed, and the mean that
    `DistributedDataParallel` takes over processes divides by P: together they give the weights
    the gradient that one process with the whole batch gives them.

    Args:
        logits: (B, M) float, B the same in every process, as `m3net.data.samplers` sees to.
        phi: (B, M, D) float.
        targets: (B, M) bool.
        annotated: (B, A) bool.

    Returns:
        The same four with P * B rows; logits and phi in float32.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return logits, phi, targets, annotated
    # One collective each way for both: no process can meet them in another order.
    outputs = torch.cat([logits[:, :, None].float(), phi.float()], dim=2)
    outputs = _AllGather.apply(outputs)
    labels = _all_gather(torch.cat([targets, annotated], dim=1))
    num_classes = targets.shape[1]
    return outputs[:, :, 0], outputs[:, :, 1:], labels[:, :num_classes], labels[:, num_classes:]


class _AllGather(torch.autograd.Function):
    """(B, ...) of each process -> (P * B, ...), whose gradients are summed over the processes.

    That of `torch.distributed.nn.functional` is deprecated, and what replaces it is private.
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
