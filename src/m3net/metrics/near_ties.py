"""Places that a product leaves open, settled by exact scores of the images that stand there."""

import numpy as np

from m3net.metrics.order import Order
from m3net.metrics.product import Bools, Integers, Product


def settle(order: Order, product: Product, rows: Integers, relevant: Bools, top_k: int) -> bool:
    """Settle, in place, what a metric or the list of the best depends on.

    These are the runs of open places that hold relevant images and others, or begin in the list.
    Equal scores come in the order of their columns.

    Args:
        order: How b images order a gallery of G; its columns are changed.
        product: Their scores.
        rows: (n,) int64, the image of each query.
        relevant: (n, G) bool, ranked relevance of each query; is changed.
        top_k: Length of the list of the best.

    Returns:
        Whether the product was as precise as it was taken to be.
    """
    start, end = _runs(order.is_open[rows], relevant, top_k)
    length = end - start + 1
    run = np.repeat(np.arange(len(start)), length)
    image = np.arange(len(run)) + np.repeat(start - (np.cumsum(length) - length), length)
    query, place = np.divmod(image, max(relevant.shape[1], 1))
    row = rows[query]
    column = order.columns[row, place]
    exact = product.exact(row, column)
    best = np.lexsort((column, -exact, run))
    order.columns[row, place] = column[best]
    relevant[query, place] = relevant[query, place][best]
    return product.is_near(exact, row, column)


def _runs(is_open: Bools, relevant: Bools, top_k: int) -> tuple[Integers, Integers]:
    """Give the first and the last place, in the flat arrays, of the runs that `settle` speaks of.

    Both arrays are (n, G). Since no last column is open, no run goes on in the next row.
    """
    matters = np.zeros_like(is_open)
    np.not_equal(relevant[:, 1:], relevant[:, :-1], out=matters[:, :-1])
    matters[:, :top_k] = True
    matters &= is_open
    start = np.flatnonzero(matters)
    end = start + 1
    flat = is_open.ravel()
    while (grows := flat[start - 1]).any():
        start -= grows
    start, one_each = np.unique(start, return_index=True)
    end = end[one_each]
    while (grows := flat[end]).any():
        end += grows
    return start, end
