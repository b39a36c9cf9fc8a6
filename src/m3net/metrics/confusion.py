"""Which classes come back when a class is asked for."""

import torch
from torch import Tensor

from m3net.metrics.query_results import QueryResults


def retrieved_classes(results: QueryResults, asked: Tensor, carried: Tensor) -> Tensor:
    """Give the share of each class among the best results of the queries for each class.

    Args:
        results: What became of Q queries; their lists of the best gallery images count.
        asked: (Q, K) bool, whether a query asks for a class.
        carried: (N, K) bool, the classes of all images of the split.

    Returns:
        (K, K) float64 in [0, 1]: in row a, of all images in the lists of the queries for class a,
        the share that carry class b. A row sums to 1 where each image carries one class; it is NaN
        where no list belongs to it.

    Example:
        >>> from m3net.metrics import Images, rank
        >>> classes = torch.tensor([[True, False], [True, False], [False, True]])
        >>> line = Images(torch.tensor([[1.0], [0.2], [0.9]]), classes, torch.arange(3))
        >>> retrieved_classes(rank(line, line, top_k=2), classes, classes)
        tensor([[0.5000, 0.5000],
                [1.0000, 0.0000]], dtype=torch.float64)
    """
    found = torch.zeros(asked.shape, dtype=torch.float64)
    listed = torch.zeros(len(asked), dtype=torch.float64)
    for images in results.top_index.cpu().unbind(dim=1):
        there = images >= 0
        found += carried[images.clamp(min=0)] & there[:, None]
        listed += there
    by_class = asked.double().T
    return (by_class @ found) / (by_class @ listed)[:, None]
