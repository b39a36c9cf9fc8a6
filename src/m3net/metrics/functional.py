"""Definitions of the metrics, as functions of ranked relevance.

Ranked relevance is a (Q, n) bool tensor: row q lists the gallery as query q ranks it, best first,
True where the gallery image is relevant. `num_relevant` is R, the number of relevant images in the
whole gallery. Counts are int64, quotients float64.

Images of the query's product, including the query, do not belong to its gallery: exclude them from
R and append them as False at the end, where they change no other rank.
"""

from typing import Literal

import torch
from torch import Tensor

from m3net.metrics.query_results import are_integers


def average_precision(
    ranked: Tensor,
    num_relevant: Tensor,
    k: int | None = None,
    by: Literal["relevant", "hits", "min"] = "relevant",
) -> Tensor:
    """Return each query's average precision: (Q,) float64 in [0, 1].

    The sum of the precision at each hit within the first k ranks is divided by one of:

    - "relevant": R. Without k this is the usual average precision.
    - "hits": the number of hits within the first k ranks, as in the published MAP@100.
    - "min": min(k, R), the most hits that k ranks can hold.

    A query whose divisor is 0 scores 0.

    Args:
        ranked: (Q, n) bool, ranked relevance; the whole gallery or at least its first k ranks.
        num_relevant: (Q,) int64, R of each query.
        k: Number of ranks that count; None counts all.
        by: The divisor.

    Raises:
        ValueError: `k` is no integer, or less than 1.

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
    """Return each query's recall, hits within the first k ranks / R: (Q,) float64 in [0, 1].

    A query without relevant images scores 0.

    Args:
        ranked: (Q, n) bool, ranked relevance; the whole gallery or at least its first k ranks.
        num_relevant: (Q,) int64, R of each query.
        k: Number of ranks that count; None counts all.

    Raises:
        ValueError: `k` is no integer, or less than 1.

    Example:
        >>> ranked = torch.tensor([[True, False, True, False, True]])
        >>> recall(ranked, torch.tensor([3]), k=3)
        tensor([0.6667], dtype=torch.float64)
    """
    return _top(ranked, k).sum(dim=1).double() / num_relevant.clamp(min=1)


def precision(ranked: Tensor, k: int) -> Tensor:
    """Return each query's precision, hits within the first k ranks / k: (Q,) float64 in [0, 1].

    The divisor is k even where the gallery holds fewer images.

    Args:
        ranked: (Q, n) bool, ranked relevance; the whole gallery or at least its first k ranks.
        k: Number of ranks that count.

    Raises:
        ValueError: `k` is no integer, or less than 1.

    Example:
        >>> ranked = torch.tensor([[True, False, True, False, True]])
        >>> precision(ranked, k=4), precision(ranked, k=10)
        (tensor([0.5000], dtype=torch.float64), tensor([0.3000], dtype=torch.float64))
    """
    return _top(ranked, k).sum(dim=1).double() / k


def hit_rate(ranked: Tensor, k: int) -> Tensor:
    """Return 1 for each query with a hit within the first k ranks, else 0: (Q,) float64.

    Args:
        ranked: (Q, n) bool, ranked relevance; the whole gallery or at least its first k ranks.
        k: Number of ranks that count.

    Raises:
        ValueError: `k` is no integer, or less than 1.

    Example:
        >>> ranked = torch.tensor([[False, False, True, False, True]])
        >>> hit_rate(ranked, k=2), hit_rate(ranked, k=3)
        (tensor([0.], dtype=torch.float64), tensor([1.], dtype=torch.float64))
    """
    return _top(ranked, k).any(dim=1).double()


def r_precision(ranked: Tensor, num_relevant: Tensor) -> Tensor:
    """Return each query's R-precision, hits within the first R ranks / R: (Q,) float64 in [0, 1].

    A query without relevant images scores 0.

    Args:
        ranked: (Q, n) bool, ranked relevance; the whole gallery or at least its first R ranks.
        num_relevant: (Q,) int64, R of each query.

    Example:
        >>> ranked = torch.tensor([[True, False, True, False, True]])
        >>> r_precision(ranked, torch.tensor([3]))  # two of the first three ranks hit
        tensor([0.6667], dtype=torch.float64)
    """
    first = torch.arange(ranked.shape[1], device=ranked.device) < num_relevant[:, None]
    return (ranked & first).sum(dim=1).double() / num_relevant.clamp(min=1)


def _top(ranked: Tensor, k: int | None) -> Tensor:
    """Return the first k ranks, or all where k is None."""
    if k is not None and not (are_integers(k) and k >= 1):
        raise ValueError(f"k must be an integer of at least 1, not {k}")
    return ranked[:, :k]
