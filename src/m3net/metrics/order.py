"""The gallery in the order of a product, and where the product leaves it open.

Each score is packed into a float64 together with the column of its gallery image, so that one sort
of plain numbers orders the gallery; sorting indices takes several times as long.
"""

from dataclasses import dataclass

import numpy as np

from m3net.metrics.product import Bools, Integers, Product

# A float64 has 29 more bits in its mantissa than a float32: there the column finds room.
_COLUMN = 2**29 - 1
_LAST = 2.0**1000  # greater than any float32, and without low bits


@dataclass(frozen=True)
class Order:
    """How b images order a gallery of G.

    Attributes:
        columns: (b, G) int64, the gallery from the best on; those of an image's own
            product stand last.
        is_open: (b, G) bool, whether the product leaves open which of places r and r + 1 is better;
            False in the last column and among those of the own product.
    """

    columns: Integers
    is_open: Bools

    @classmethod
    def by(cls, product: Product, own: tuple[Integers, Integers]) -> "Order":
        """Sort.

        Args:
            product: The scores.
            own: (s,) rows and (s,) columns, where query and gallery image show one product.
        """
        keys = product.negated.astype(np.float64)
        keys[own] = _LAST
        bits = keys.view(np.int64)
        np.bitwise_or(bits, np.arange(keys.shape[1]), out=bits)
        keys.sort(axis=1)
        # Both of two neighbours may be off; so close to each other, the bound of one serves both.
        reach = np.abs(keys[:, :-1])
        reach *= 2 * product.per_score
        reach += 2 * product.cancelled[:, None]
        reach += keys[:, :-1]
        is_open = np.zeros(keys.shape, dtype=bool)
        np.less_equal(keys[:, 1:], reach, out=is_open[:, :-1])
        num_own = np.bincount(own[0], minlength=len(keys))
        is_open[last_places(num_own, keys.shape[1])] = False
        return cls(np.bitwise_and(bits, _COLUMN, out=bits), is_open)


def last_places(count: Integers, length: int) -> tuple[Integers, Integers]:
    """Give row and place of the last `count` (n,) places of each of n rows of this length.

    Example:
        >>> row, place = last_places(np.array([2, 0, 1]), length=5)
        >>> row, place
        (array([0, 0, 2]), array([4, 3, 4]))
    """
    row = np.repeat(np.arange(len(count)), count)
    return row, length - 1 - (np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count))
