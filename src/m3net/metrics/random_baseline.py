"""Expected scores of a random ranking, and the best possible recall."""

import numpy as np
from numpy.typing import NDArray


def chance_average_precision(
    num_relevant: NDArray[np.int64], num_gallery: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the expected average precision of a randomly ordered gallery.

    Rank k holds a relevant image with probability R / G. If it does, each of the k - 1 ranks before
    it holds one with probability (R - 1) / (G - 1), so the expected precision at rank k is
    (1 + (k - 1)(R - 1) / (G - 1)) / k. Summed over ranks and divided by R, this is
    (H_G + (R - 1) / (G - 1) (G - H_G)) / G, where H_G is the G-th harmonic number.

    Args:
        num_relevant: (Q,) int64, R of each query.
        num_gallery: (Q,) int64, G of each query.

    Returns:
        (Q,) float64; 0 where R is 0.

    Example:
        >>> chance_average_precision(np.array([1, 2]), np.array([2, 2]))  # (1 + 1/2) / 2, and 1
        array([0.75, 1.  ])
    """
    largest = int(num_gallery.max(initial=0))
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, largest + 1))])[num_gallery]
    others = np.maximum(num_gallery - 1, 1)
    size = np.maximum(num_gallery, 1)
    mean = (harmonic + (num_relevant - 1) / others * (num_gallery - harmonic)) / size
    return np.where(num_relevant > 0, mean, 0.0)


def recall_ceiling(num_relevant: NDArray[np.int64], k: int = 100) -> NDArray[np.float64]:
    """Return the highest possible recall@k: min(k, R) / R.

    Args:
        num_relevant: (Q,) int64, R of each query.
        k: Number of ranks.

    Returns:
        (Q,) float64; 0 where R is 0.

    Example:
        >>> recall_ceiling(np.array([0, 50, 400]))
        array([0.  , 1.  , 0.25])
    """
    return np.minimum(num_relevant, k) / np.maximum(num_relevant, 1)
