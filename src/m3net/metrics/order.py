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
        columns: (b, G) int64, the gallery from the best on; an image's own column stands last.
        is_open: (b, G) bool, whether the product leaves open which of places r and r + 1 is better;
            False in the last column.
    """

    columns: Integers
    is_open: Bools

    @classmethod
    def by(cls, product: Product, own: tuple[Integers, Integers]) -> "Order":
        """Sort.

        Args:
            product: The scores.
            own: (s,) rows and (s,) columns, where query and gallery image are one image.
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
        return cls(np.bitwise_and(bits, _COLUMN, out=bits), is_open)
