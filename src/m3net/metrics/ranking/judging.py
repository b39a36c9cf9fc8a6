"""From ordered keys to what became of each query: loops that are compiled.

Where a product leaves an order open on which a metric or the list of the best depends, the scores
are computed as they are defined. The loops hold no lock of the interpreter, so that threads run
them side by side.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from m3net.metrics.ranking.keys import LOST, Keys, find_columns
from m3net.metrics.ranking.product import Bools, Doubles, Floats, Integers, Product

LONGEST = 64
"""Where more ranks in a row are open, as for a network that gives many images one embedding,
float64 for all scores is the shorter way."""


class Judged(NamedTuple):
    """What became of n queries, with C cutoffs.

    Attributes:
        num_relevant: (n,) int64, R.
        precision: (n,) float64, the sum of the precision at each relevant image.
        within_relevant: (n,) int64, hits within the first R ranks.
        hits: (n, C) int64, hits within each cutoff.
        early_precision: (n, C) float64, the sum of the precision at these.
        top_column: (n, top_k) int64, the best gallery images; -1 where there are no more.
        top_score: (n, top_k) float32, their scores; -inf where there are no more.
        top_relevant: (n, top_k) bool.
    """

    num_relevant: Integers
    precision: Doubles
    within_relevant: Integers
    hits: Integers
    early_precision: Doubles
    top_column: Integers
    top_score: Floats
    top_relevant: Bools

    @classmethod
    def empty(cls, num_queries: int, num_cutoffs: int, top_k: int) -> "Judged":
        """Make room."""
        return cls(
            num_relevant=np.zeros(num_queries, dtype=np.int64),
            precision=np.zeros(num_queries),
            within_relevant=np.zeros(num_queries, dtype=np.int64),
            hits=np.zeros((num_queries, num_cutoffs), dtype=np.int64),
            early_precision=np.zeros((num_queries, num_cutoffs)),
            top_column=np.full((num_queries, top_k), -1),
            top_score=np.full((num_queries, top_k), -np.inf, dtype=np.float32),
            top_relevant=np.zeros((num_queries, top_k), dtype=bool),
        )


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


class _Run(NamedTuple):
    """Gallery images at some ranks in a row, with room for `LONGEST` of them."""

    column: Integers
    score: Floats
    relevant: Bools


@njit(nogil=True, cache=True)
def judge(
    product: Product,
    rows: Integers,
    keys: Keys,
    ordered: Keys,
    num_ranked: Integers,
    cutoffs: Integers,
    judged: Judged,
) -> bool:
    """Judge n queries, and say whether it could be done.

    It could not where too much is open, or the product was less precise than it is taken to be.

    Args:
        product: The scores of b images with a gallery of G.
        rows: (n,) int64, the image of each query.
        keys: (n, G) int32, in the order of the gallery.
        ordered: (n, G) int32, the same from the best on.
        num_ranked: (n,) int64, how many gallery images take part; the others stand last.
        cutoffs: (C,) int64, numbers of ranks.
        judged: Is written.
    """
    hits = np.empty(keys.shape[1] + 1, dtype=np.int64)
    run = _Run(
        np.empty(LONGEST, dtype=np.int64),
        np.empty(LONGEST, dtype=np.float32),
        np.empty(LONGEST, dtype=np.bool_),
    )
    for query in range(len(rows)):
        order, own, end = ordered[query], keys[query], num_ranked[query]
        count = _find_hits(order, hits)
        listed = _settle_list(product, rows[query], own, order, end, hits, run, judged, query)
        if listed < 0 or not _settle_hits(
            product, rows[query], own, order, listed, end, hits[:count], run
        ):
            return False
        _sum_up(hits[:count], cutoffs, judged, query)
    return True


@njit(nogil=True, cache=True)
def _find_hits(order: Keys, hits: Integers) -> int:
    """Write the ranks of the relevant images, counted from 0, and give their number."""
    count = 0
    for rank in range(len(order)):
        hits[count] = rank
        count += order[rank] & 1
    return count


@njit(nogil=True, cache=True)
def _settle_list(
    product: Product,
    row: int,
    keys: Keys,
    order: Keys,
    num_ranked: int,
    hits: Integers,
    run: _Run,
    judged: Judged,
    query: int,
) -> int:
    """Write the list of the best; give the first rank behind it that is not settled, or -1."""
    top_k = judged.top_column.shape[1]
    start = hit = 0
    while start < min(top_k, num_ranked):
        end = _end_of_run(product, row, order, start, num_ranked)
        if not _settle(product, row, keys, order, start, end, run):
            return -1
        for rank in range(start, end + 1):
            if run.relevant[rank - start]:
                hits[hit] = rank
                hit += 1
            if rank < top_k:
                judged.top_column[query, rank] = run.column[rank - start]
                judged.top_score[query, rank] = run.score[rank - start]
                judged.top_relevant[query, rank] = run.relevant[rank - start]
        start = end + 1
    return start


@njit(nogil=True, cache=True)
def _settle_hits(
    product: Product,
    row: int,
    keys: Keys,
    order: Keys,
    first: int,
    num_ranked: int,
    hits: Integers,
    run: _Run,
) -> bool:
    """Move the hits to where they stand in runs of open ranks that hold others as well.

    All before the rank `first` is settled. Gives whether it could be done.
    """
    hit = np.searchsorted(hits, first)
    while hit < len(hits):
        rank = hits[hit]
        after_other = rank > first and not order[rank - 1] & 1
        before_other = rank + 1 < num_ranked and not order[rank + 1] & 1
        if not (after_other and _is_open(product, row, order, rank - 1)) and not (
            before_other and _is_open(product, row, order, rank)
        ):
            hit += 1
            continue
        start = rank
        while start > first and _is_open(product, row, order, start - 1):
            start -= 1
        end = _end_of_run(product, row, order, rank, num_ranked)
        if not _settle(product, row, keys, order, start, end, run):
            return False
        while hit > 0 and hits[hit - 1] >= start:
            hit -= 1
        for place in range(end - start + 1):
            if run.relevant[place]:
                hits[hit] = start + place
                hit += 1
    return True


@njit(nogil=True, cache=True)
def _end_of_run(product: Product, row: int, order: Keys, rank: int, num_ranked: int) -> int:
    """Give the last rank of the run of open ranks that a rank stands in."""
    while rank + 1 < num_ranked and _is_open(product, row, order, rank):
        rank += 1
    return rank


@njit(nogil=True, cache=True)
def _is_open(product: Product, row: int, order: Keys, rank: int) -> bool:
    """Say whether the product leaves open which of the images at a rank and the next is better.

    Both scores may be off. Their errors have either sign, so that they add up as their root.
    """
    near = float(order[rank])
    apart = float(order[rank + 1]) - near - LOST
    error = product.cancelled[row] ** 2 + (product.per_score * near) ** 2
    return apart <= 0 or apart**2 <= 2 * error


@njit(nogil=True, cache=True)
def _settle(
    product: Product, row: int, keys: Keys, order: Keys, start: int, end: int, run: _Run
) -> bool:
    """Put the images of a run in the order of their scores as they are defined, ties by column.

    Gives whether it could be done.
    """
    if end - start >= LONGEST:
        return False
    find_columns(order, keys, start, end, run.column)
    for rank in range(start, end + 1):
        column, relevant = run.column[rank - start], order[rank] & 1 == 1
        score = np.float32(_inner_product(product.queries[row], product.gallery[column]))
        score += np.float32(0)  # so that 0 has no sign
        scaled = score * product.scale[row]
        error = product.cancelled[row] ** 2 + (product.per_score * scaled) ** 2
        if (scaled + product.negated[row, column]) ** 2 > error:
            return False
        place = rank - start
        while place > 0 and (
            run.score[place - 1] < score
            or (run.score[place - 1] == score and run.column[place - 1] > column)
        ):
            run.score[place], run.column[place] = run.score[place - 1], run.column[place - 1]
            run.relevant[place] = run.relevant[place - 1]
            place -= 1
        run.score[place], run.column[place], run.relevant[place] = score, column, relevant
    return True


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _inner_product(query: Floats, gallery: Floats) -> float:
    """Sum up in float64."""
    total = 0.0
    for place in range(len(query)):
        total += np.float64(query[place]) * np.float64(gallery[place])
    return total


@njit(nogil=True, cache=True)
def _sum_up(hits: Integers, cutoffs: Integers, judged: Judged, query: int) -> None:
    """Write what follows from the ranks of the relevant images, counted from 0."""
    judged.num_relevant[query] = len(hits)
    judged.within_relevant[query] = np.searchsorted(hits, len(hits))
    total = 0.0
    for hit in range(len(hits)):
        total += (hit + 1) / (hits[hit] + 1)
    judged.precision[query] = total
    for place in range(len(cutoffs)):
        count = np.searchsorted(hits, cutoffs[place])
        total = 0.0
        for hit in range(count):
            total += (hit + 1) / (hits[hit] + 1)
        judged.hits[query, place] = count
        judged.early_precision[query, place] = total
