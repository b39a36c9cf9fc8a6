"""From what became of queries to what they score by each metric."""

from collections.abc import Sequence

import numpy as np

from m3net.metrics.ranking.cpu_loops import Judged
from m3net.metrics.ranking.cpu_product import Doubles


def terms_of(judged: Judged, cutoffs: Sequence[int]) -> dict[str, Doubles]:
    """Give each query's values by the names of their metrics, in the order of `metric_names`.

    Args:
        judged: What became of n queries.
        cutoffs: Those that they were judged at.

    Returns:
        (n,) float64 each.
    """
    count = judged.num_relevant
    one_or_count = np.maximum(count, 1)
    terms = {
        "map_all": judged.precision / one_or_count,
        "r_precision": judged.within_relevant / one_or_count,
    }
    for k, hits, total in zip(cutoffs, judged.hits.T, judged.early_precision.T, strict=True):
        terms |= {
            f"map_{k}": total / np.maximum(hits, 1),
            f"map_{k}_by_min": total / np.clip(count, 1, k),
            f"recall_{k}": hits / one_or_count,
            f"hit_rate_{k}": (hits > 0).astype(np.float64),
            f"precision_{k}": hits / k,
        }
    return terms
