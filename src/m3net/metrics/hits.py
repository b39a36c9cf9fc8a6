"""The metrics of `functional` from where the relevant images stand, without the ranks between."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def hit_terms(
    relevant: NDArray[np.bool_], cutoffs: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    """Give each query's values by the names of their metrics, in the order of `metric_names`.

    The precision at hit i, which stands at rank r_i, is i / r_i.

    Args:
        relevant: (Q, G) bool, ranked relevance: the gallery in the order of each query, best first.
        cutoffs: Numbers of ranks k that count where only the first ones do.

    Returns:
        (Q,) float64 each.

    Example:
        >>> terms = hit_terms(np.array([[True, False, True, False, True]]), cutoffs=[3])
        >>> terms["map_all"], terms["recall_3"]  # (1/1 + 2/3 + 3/5) / 3, 2/3
        (array([0.75555556]), array([0.66666667]))
    """
    num_queries, num_gallery = relevant.shape
    count = np.count_nonzero(relevant, axis=1)
    before = np.cumsum(count) - count
    first = np.arange(num_queries) * num_gallery
    place = np.flatnonzero(relevant)
    rank = place - np.repeat(first - 1, count)
    precision = (np.arange(1, len(place) + 1) - np.repeat(before, count)) / rank
    total = np.zeros(num_queries)
    found = count > 0
    total[found] = np.add.reduceat(precision, before[found]) if found.any() else 0
    one_or_count = np.maximum(count, 1)
    within_count = np.searchsorted(place, first + count) - before
    terms = {"map_all": total / one_or_count, "r_precision": within_count / one_or_count}
    for k in cutoffs:
        hits = np.searchsorted(place, first + min(k, num_gallery)) - before
        hit = np.arange(hits.sum()) + np.repeat(before - (np.cumsum(hits) - hits), hits)
        query = np.repeat(np.arange(num_queries), hits)
        early_total = np.bincount(query, weights=precision[hit], minlength=num_queries)
        terms |= {
            f"map_{k}": early_total / np.maximum(hits, 1),
            f"map_{k}_by_min": early_total / np.clip(count, 1, k),
            f"recall_{k}": hits / one_or_count,
            f"hit_rate_{k}": (hits > 0).astype(np.float64),
            f"precision_{k}": hits / k,
        }
    return terms
