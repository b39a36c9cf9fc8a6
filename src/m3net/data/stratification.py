"""The division of images that carry one class each, so that every part has its share of each class.

Chance is a hash of the image's path, as in `division`; but a stratum is divided by the order of its
hashes, so that the shares are exact and an image's place depends on the others of its class.
"""

import numpy as np
from numpy.typing import NDArray

from m3net.data.division import chances
from m3net.data.records import Records, Role
from m3net.errors import ConfigError


def split_strata(
    records: Records, stratum: NDArray[np.int64], fractions: tuple[float, ...], seed: int
) -> NDArray[np.int64]:
    """Give (N,) int64: which part each image goes to.

    Args:
        records: The images.
        stratum: (N,) int64, as the class of each image.
        fractions: Share of each part; their sum is 1.
        seed: Another seed gives another division.

    Raises:
        ConfigError: The fractions are out of range.
    """
    if min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        remedy = "Set data.fractions to numbers above 0 whose sum is 1."
        raise ConfigError(f"The images cannot be divided into {fractions}. {remedy}")
    place = _places(chances(records.paths.tolist(), seed, purpose=b"split"), stratum)
    return np.digitize(place, np.cumsum(fractions)[:-1])


def ask_strata(
    records: Records, stratum: NDArray[np.int64], query_fraction: float, seed: int
) -> NDArray[np.uint8]:
    """Give (N, A) uint8 roles: a share of each stratum asks, the others can be found.

    Args:
        records: The images of one split.
        stratum: (N,) int64, as the class of each image.
        query_fraction: Share of the queries, between 0 and 1.
        seed: Another seed gives another division.

    Raises:
        ConfigError: The fraction is out of range.
    """
    if not 0 < query_fraction < 1:
        remedy = "Set data.query_fraction to a number between 0 and 1."
        raise ConfigError(f"Of the images, {query_fraction} cannot be queries. {remedy}")
    place = _places(chances(records.paths.tolist(), seed, purpose=b"role"), stratum)
    role = np.where(place < query_fraction, int(Role.QUERY), int(Role.GALLERY))
    return (records.annotated * role[:, None]).astype(np.uint8)


def _places(chance: NDArray[np.float64], stratum: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give each image its place in the order of its stratum, evenly spread over (0, 1)."""
    order = np.lexsort((chance, stratum))
    _, first, sizes = np.unique(stratum[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(first, sizes)
    place = np.empty(len(order))
    place[order] = (rank + 0.5) / np.repeat(sizes, sizes)
    return place
