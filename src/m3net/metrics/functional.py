"""The definitions of the metrics, as functions of ranked relevance.

Ranked relevance is a (Q, n) bool tensor: row q holds the gallery in the order in which query q
ranks it, best first, True where the gallery image is relevant. `num_relevant` is R, the number of
relevant images in the whole gallery. Everything is counted in int64 and divided in float64.

Images of a query's own product, itself among them, are not part of its gallery: leave them out of R
and put them last with False, where they change no rank of the others.
"""

from typing import Literal

import torch
from torch import Tensor


def average_precision(
    ranked: Tensor,
    num_relevant: Tensor,
    k: int | None = None,
    by: Literal["relevant", "hits", "min"] = "relevant",
) -> Tensor:
    """Give each query's average precision: (Q,) float64 in [0, 1].

    This is the sum of the precision at each hit within the first k ranks, divided by one of:

    - "relevant": R. Without k this is the average precision over all relevant images.
    - "hits": the number of hits within the first k ranks, as in the published MAP@100.
    - "min": min(k, R), the greatest number of hits that k ranks can hold.

    A query that has nothing to divide by scores 0.

    Args:
        ranked: (Q, n) bool, ranked relevance; the whole gallery or at least its first k ranks.
        num_relevant: (Q,) int64, R of each query.
        k: Number of ranks that count; None for all.
        by: What to divide by.

    Raises:
        ValueError: `k` is less than 1.

    Example:
        >>> ranked = torch.tensor([[True, False, True, False, True]])  # hits at ranks 1, 3, 5
        >>> average_precision(ranked, torch.tensor([3]))  # (1/1 + 2/3 + 3/5) / 3
        tensor([0.7556], dtype=torch.float64)
        >>> average_precision(ranked, torch.tensor([3]), k=2, by="hits")  # (1/1) / 1
        tensor([1.], dtype=torch.float64)
        >>> average_precision(ranked, torch.tensor([3]), k=2, by="min")  # (1/1) / 2
        tensor([0.5000], dtype=torch.float64)
    """
    top = _top(ranked, k)
    hits = top.cumsum(dim=1)
    ranks = torch.arange(1, top.shape[1] + 1, device=top.device)
    precision = hits.double() / ranks
    divisor = {
        "relevant": num_relevant,
        "hits": top.sum(dim=1),
        "min": num_relevant.clamp(max=top.shape[1]),
    }[by]
    return (precision * top).sum(dim=1) / divisor.clamp(min=1)


def recall(ranked: Tensor, num_relevant: Tensor, k: int | None = None) -> Tensor:
    """Give each query's recall, hits within the first k ranks / R: (Q,) float64 in [0, 1].

    A query without relevant images scores 0.

    Args:
        ranked: (Q, n) bool, ranked relevance; the whole gallery or at least its first k ranks.
        num_relevant: (Q,) int64, R of each query.
        k: Number of ranks that count; None for all.

    Raises:
        ValueError: `k` is less than 1.

    Example:
        >>> ranked = torch.tensor([[True, False, True, False, True]])
        >>> recall(ranked, torch.tensor([3]), k=3)
        tensor([0.6667], dtype=torch.float64)
    """
    return _top(ranked, k).sum(dim=1).double() / num_relevant.clamp(min=1)


def precision(ranked: Tensor, k: int) -> Tensor:
    """Give each query's precision, hits within the first k ranks / k: (Q,) float64 in [0, 1].

    The divisor is k even where the gallery holds fewer images.

    Args:
        ranked: (Q, n) bool, ranked relevance; the whole gallery or at least its first k ranks.
        k: Number of ranks that count.

    Raises:
        ValueError: `k` is less than 1.

    Example:
        >>> ranked = torch.tensor([[True, False, True, False, True]])
        >>> precision(ranked, k=4), precision(ranked, k=10)
        (tensor([0.5000], dtype=torch.float64), tensor([0.3000], dtype=torch.float64))
    """
    return _top(ranked, k).sum(dim=1).double() / k


def hit_rate(ranked: Tensor, k: int) -> Tensor:
    """Give 1 for each query with a hit within the first k ranks, else 0: (Q,) float64.

    Args:
        ranked: (Q, n) bool, ranked relevance; the whole gallery or at least its first k ranks.
        k: Number of ranks that count.

    Raises:
        ValueError: `k` is less than 1.

    Example:
        >>> ranked = torch.tensor([[False, False, True, False, True]])
        >>> hit_rate(ranked, k=2), hit_rate(ranked, k=3)
        (tensor([0.], dtype=torch.float64), tensor([1.], dtype=torch.float64))
    """
    return _top(ranked, k).any(dim=1).double()


def r_precision(ranked: Tensor, num_relevant: Tensor) -> Tensor:
    """Give each query's R-precision, hits within the first R ranks / R: (Q,) float64 in [0, 1].

    A query without relevant images scores 0.

    Args:
        ranked: (Q, n) bool, ranked relevance; the whole gallery or at least its first R ranks.
        num_relevant: (Q,) int64, R of each query.

    Example:
        >>> ranked = torch.tensor([[True, False, True, False, True]])
        >>> r_precision(ranked, torch.tensor([3]))  # two of the three stand in the first three
        tensor([0.6667], dtype=torch.float64)
    """
    counts = torch.arange(ranked.shape[1], device=ranked.device) < num_relevant[:, None]
    return (ranked & counts).sum(dim=1).double() / num_relevant.clamp(min=1)


def _top(ranked: Tensor, k: int | None) -> Tensor:
    """Give the first k ranks, or all where k is None."""
    if k is not None and k < 1:
        raise ValueError(f"k counts ranks and must be at least 1, not {k}")
    return ranked[:, :k]
