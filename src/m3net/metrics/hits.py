"""The metrics of `functional` from where the relevant images stand, without the ranks between."""

import numpy as np
from numpy.typing import NDArray


def hit_terms(relevant: NDArray[np.bool_], k: int = 100) -> dict[str, NDArray[np.generic]]:
    """Give each query's values by their names in `QueryResults`.

    The precision at hit i, which stands at rank r_i, is i / r_i.

    Args:
        relevant: (Q, G) bool, ranked relevance: the gallery in the order of each query, best first.
        k: Number of ranks that count where only the first ones do.

    Returns:
        (Q,) each: int64 `num_relevant`, the others float64.

    Example:
        >>> terms = hit_terms(np.array([[True, False, True, False, True]]), k=3)
        >>> terms["average_precision"], terms["recall_100"]  # (1/1 + 2/3 + 3/5) / 3, 2/3
        (array([0.75555556]), array([0.66666667]))
    """
    num_queries, num_gallery = relevant.shape
    count = np.count_nonzero(relevant, axis=1)
    before = np.cumsum(count) - count
    place = np.flatnonzero(relevant)
    rank = place - np.repeat(np.arange(num_queries) * num_gallery - 1, count)
    precision = (np.arange(1, len(place) + 1) - np.repeat(before, count)) / rank
    total = np.zeros(num_queries)
    found = count > 0
    total[found] = np.add.reduceat(precision, before[found]) if found.any() else 0
    early = np.flatnonzero(rank <= k)
    query = np.searchsorted(before + count, early, side="right")
    early_total = np.bincount(query, weights=precision[early], minlength=num_queries)
    early_count = np.bincount(query, minlength=num_queries)
    return {
        "num_relevant": count.astype(np.int64),
        "average_precision": total / np.maximum(count, 1),
        "average_precision_100": early_total / np.maximum(early_count, 1),
        "average_precision_100_by_min": early_total / np.clip(count, 1, k),
        "recall_100": early_count / np.maximum(count, 1),
    }
