"""Compiled loops of the CPU ranking: they write keys, and evaluate the order of sorted keys.

A key is an int32 that sorts like a score. Its upper bits hold the score. The lower ones, finer than
most scores differ, hold whether the gallery image is relevant, a bit for each query that shares the
sort, and the image's block of columns. So the sort moves half as many bytes as one of
scores and columns, relevance needs no further look-up, and the column of a rank is found by
searching one block. The sort ignores the lower bits and is stable: equal scores stay in the order
of their columns.

Where keys leave an order uncertain on which a metric or a list depends, scores are computed by
definition. The loops release the GIL, so that threads run them in parallel. They and
their constants share one file because numba caches compiled code until its file changes.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numba import njit

from m3net.metrics.ranking.cpu_product import Bools, Doubles, Floats, Integers, Keys, Product
from m3net.metrics.ranking.cpu_queries import Queries, Tallies

Loop = TypeVar("Loop", bound=Callable[..., Any])

PER_SORT = 2
"""How many queries of one image share a sort; each has a bit of the keys for relevance."""

BLOCKS = 8
LOW = np.int32(BLOCKS * 2**PER_SORT - 1)
LAST = np.int32(2**31 - 1) & ~LOW
"""The key of excluded gallery images, greater than that of any score."""

LOST = float(2 * (LOW + 1))
"""How much the lower bits can change the difference of two keys: by truncating the scores, and by
their own values."""

SPACING = 2.0**-23
"""The greatest distance of float32 numbers, relative to them: closer scores may be equal."""

LONGEST = 64
"""The longest run of uncertain ranks that is resolved. Where it is longer, as for a network that
maps many images to one embedding, float64 for all scores is faster."""


def compiled(fastmath: bool | set[str] = False) -> Callable[[Loop], Loop]:
    """Compile a function on its first call, and cache the code if a cache folder is writable."""

    def compile_loop(loop: Loop) -> Loop:
        try:
            return cast("Loop", njit(nogil=True, fastmath=fastmath, cache=True)(loop))
        except RuntimeError:  # neither the package's folder nor the user's is writable
            return cast("Loop", njit(nogil=True, fastmath=fastmath)(loop))

    return compile_loop


class _Run(NamedTuple):
    """Gallery images at consecutive ranks, at most `LONGEST`."""

    column: Integers
    score: Floats
    relevant: Bools


@compiled()
def write_keys(negated: Keys, queries: Queries, members: Bools, keys: Keys) -> None:
    """Write the keys of g orderings of a gallery of G.

    Args:
        negated: (b, G) int32, scores times -1.
        queries: n queries.
        members: (K, G) bool, True where a gallery image has a class.
        keys: (g, G) int32, the output.
    """
    width = _width(keys.shape[1])
    block = ((np.arange(keys.shape[1]) // width) << PER_SORT).astype(np.int32)
    for query in range(len(queries.image)):
        row = keys[queries.ordering[query]]
        if queries.bit[query] == 0:
            scores = negated[queries.image[query]]
            for column in range(len(row)):
                row[column] = (scores[column] & ~LOW) | block[column]
        for label in range(queries.bounds[query], queries.bounds[query + 1]):
            is_member = members[queries.classes[label]]
            for column in range(len(row)):
                row[column] |= np.int32(is_member[column]) << np.int32(queries.bit[query])


@compiled()
def evaluate(
    product: Product,
    queries: Queries,
    keys: Keys,
    ordered: Keys,
    num_ranked: Integers,
    cutoffs: Integers,
    tallies: Tallies,
) -> bool:
    """Evaluate n queries; return False if too much is uncertain, or the product too imprecise.

    Args:
        product: The scores of b images with a gallery of G.
        queries: n queries.
        keys: (g, G) int32, of each ordering, in the order of the gallery.
        ordered: (g, G) int32, the same, best first.
        num_ranked: (n,) int64, how many gallery images are ranked; the excluded ones come last.
        cutoffs: (C,) int64, numbers of ranks.
        tallies: The output.
    """
    hits = np.empty(keys.shape[1] + 1, dtype=np.int64)
    run = _Run(
        np.empty(LONGEST, dtype=np.int64),
        np.empty(LONGEST, dtype=np.float32),
        np.empty(LONGEST, dtype=np.bool_),
    )
    for query in range(len(queries.image)):
        image, relevant = queries.image[query], np.int32(1) << np.int32(queries.bit[query])
        order, row = ordered[queries.ordering[query]], keys[queries.ordering[query]]
        count = _find_hits(order, relevant, hits)
        size = num_ranked[query]
        listed = _resolve_list(
            product, image, row, order, relevant, size, hits, run, tallies, query
        )
        if listed < 0 or not _resolve_hits(
            product, image, row, order, relevant, listed, size, hits[:count], run
        ):
            return False
        _sum_up(hits[:count], cutoffs, tallies, query)
    return True


@compiled()
def _find_hits(order: Keys, relevant: np.int32, hits: Integers) -> int:
    """Write the ranks of the relevant images, counted from 0, and return their number."""
    count = 0
    for rank in range(len(order)):
        hits[count] = rank
        count += (order[rank] & relevant) != 0
    return count


@compiled()
def _resolve_list(
    product: Product,
    image: int,
    keys: Keys,
    order: Keys,
    relevant: np.int32,
    size: int,
    hits: Integers,
    run: _Run,
    tallies: Tallies,
    query: int,
) -> int:
    """Write the list of the best; return the first unresolved rank after it, or -1 on failure."""
    top_k = tallies.top_column.shape[1]
    start = hit = 0
    while start < min(top_k, size):
        end = _end_of_run(product, image, order, start, size)
        if not _resolve(product, image, keys, order, relevant, start, end, run):
            return -1
        for rank in range(start, end + 1):
            if run.relevant[rank - start]:
                hits[hit] = rank
                hit += 1
            if rank < top_k:
                tallies.top_column[query, rank] = run.column[rank - start]
                tallies.top_score[query, rank] = run.score[rank - start]
                tallies.top_relevant[query, rank] = run.relevant[rank - start]
        start = end + 1
    return start


@compiled()
def _resolve_hits(
    product: Product,
    image: int,
    keys: Keys,
    order: Keys,
    relevant: np.int32,
    first: int,
    size: int,
    hits: Integers,
    run: _Run,
) -> bool:
    """Correct the ranks of hits in uncertain runs that hold other images too; False on failure.

    Ranks before `first` are resolved already.
    """
    hit = np.searchsorted(hits, first)
    reach = _reach(product, image, order, size)
    while hit < len(hits):
        rank = hits[hit]
        key = np.int64(order[rank])
        after_other = (
            rank > first and key - order[rank - 1] <= reach and not order[rank - 1] & relevant
        )
        before_other = (
            rank + 1 < size and order[rank + 1] - key <= reach and not order[rank + 1] & relevant
        )
        if not (after_other and _is_uncertain(product, image, order, rank - 1)) and not (
            before_other and _is_uncertain(product, image, order, rank)
        ):
            hit += 1
            continue
        start = rank
        while start > first and _is_uncertain(product, image, order, start - 1):
            start -= 1
        end = _end_of_run(product, image, order, rank, size)
        if not _resolve(product, image, keys, order, relevant, start, end, run):
            return False
        while hit > 0 and hits[hit - 1] >= start:
            hit -= 1
        for offset in range(end - start + 1):
            if run.relevant[offset]:
                hits[hit] = start + offset
                hit += 1
    return True


@compiled()
def _end_of_run(product: Product, image: int, order: Keys, rank: int, size: int) -> int:
    """Return the last rank of the uncertain run of a rank."""
    while rank + 1 < size and _is_uncertain(product, image, order, rank):
        rank += 1
    return rank


@compiled()
def _reach(product: Product, image: int, order: Keys, size: int) -> int:
    """Return the greatest difference of two keys whose order may be uncertain.

    A bound for the whole row, it saves most calls of `_is_uncertain`, which is exact.
    """
    farthest = max(abs(float(order[0])), abs(float(order[max(size, 1) - 1])))
    return int(LOST + product.slack[image] + SPACING * farthest) + 1


@compiled()
def _is_uncertain(product: Product, image: int, order: Keys, rank: int) -> bool:
    """Return whether the images at a rank and the next may be in the wrong order, or equal."""
    near = float(order[rank])
    gap = float(order[rank + 1]) - near
    return bool(gap <= LOST + product.slack[image] + SPACING * abs(near))


@compiled()
def _resolve(
    product: Product,
    image: int,
    keys: Keys,
    order: Keys,
    relevant: np.int32,
    start: int,
    end: int,
    run: _Run,
) -> bool:
    """Sort the images of a run by their exact scores, ties by column; return False on failure."""
    if end - start >= LONGEST or not _find_columns(order, keys, start, end, run.column):
        return False
    for rank in range(start, end + 1):
        column = run.column[rank - start]
        is_relevant = (order[rank] & relevant) != 0
        score = exact_score(product.queries[image], product.gallery[column])
        scaled = score * product.scale[image]
        allowed = product.slack[image] + SPACING * abs(scaled)
        if abs(scaled + product.negated[image, column]) > allowed:
            return False
        slot = rank - start
        while slot > 0 and (
            run.score[slot - 1] < score
            or (run.score[slot - 1] == score and run.column[slot - 1] > column)
        ):
            run.score[slot], run.column[slot] = run.score[slot - 1], run.column[slot - 1]
            run.relevant[slot] = run.relevant[slot - 1]
            slot -= 1
        run.score[slot], run.column[slot], run.relevant[slot] = score, column, is_relevant
    return True


@compiled()
def _find_columns(order: Keys, keys: Keys, start: int, end: int, columns: Integers) -> bool:
    """Write the columns of the gallery images at ranks start .. end; return False on failure.

    The scores of the ranks before and after differ from theirs. Equal scores have ascending
    columns.
    """
    width = _width(len(keys))
    for rank in range(start, end + 1):
        key = order[rank]
        first = ((key & LOW) >> PER_SORT) * width
        begin = first
        if rank > start and _are_neighbors(order[rank - 1], key):
            begin = columns[rank - 1 - start] + 1
        is_last = rank == end or not _are_neighbors(order[rank + 1], key)
        offset = _find(keys[begin : first + width], key, is_last)
        if offset < 0:
            return False
        columns[rank - start] = begin + offset
    return True


@compiled()
def _are_neighbors(key: np.int32, other: np.int32) -> bool:
    """Return whether two keys have equal scores and the same block of columns."""
    return bool((key ^ other) >> PER_SORT == 0)


@compiled()
def _find(block: Keys, key: np.int32, is_unique: bool) -> int:
    """Return the first index of a key, or -1."""
    if is_unique:
        # A sum without branches compares many keys at once.
        total = np.int32(0)
        for index in range(len(block)):
            total += np.int32(block[index] == key) * np.int32(index + 1)
        return int(total) - 1
    for index in range(len(block)):
        if block[index] == key:
            return index
    return -1


@compiled()
def _width(num_gallery: int) -> int:
    """Return the number of columns in a block."""
    return max(-(-num_gallery // BLOCKS), 1)


@compiled()
def lengths(embeddings: Floats) -> Doubles:
    """Return the length of each embedding: (n, D) -> (n,)."""
    result = np.empty(len(embeddings))
    for row in range(len(embeddings)):
        square, _ = _inner_product(embeddings[row], embeddings[row])
        result[row] = np.sqrt(square)
    return result


@compiled()
def exact_scores_of_pairs(queries: Floats, gallery: Floats) -> Floats:
    """Return the score of each row with the same row of the other: (n, D), (n, D) -> (n,)."""
    result = np.empty(len(queries), dtype=np.float32)
    for row in range(len(queries)):
        result[row] = exact_score(queries[row], gallery[row])
    return result


@compiled()
def exact_score(query: Floats, gallery: Floats) -> np.float32:
    """Return the exact inner product, rounded to float32.

    The float64 sum of D terms is off by at most D roundings of the sum of their magnitudes; twice
    that covers the roundings of the error itself. Only a sum so near to the middle between two
    float32 numbers that this decides the rounding is computed exactly.
    """
    total, magnitude = _inner_product(query, gallery)
    error = len(query) * 2.0**-52 * magnitude
    score = np.float32(total - error)
    if score != np.float32(total + error):
        score = np.float32(_exact_inner_product(query, gallery))
    return np.float32(score + np.float32(0))  # turns -0 into 0


@compiled(fastmath={"reassoc", "contract"})
def _inner_product(query: Floats, gallery: Floats) -> tuple[float, float]:
    """Sum up the terms, and their magnitudes, in float64."""
    total = magnitude = 0.0
    for index in range(len(query)):
        term = np.float64(query[index]) * np.float64(gallery[index])
        total += term
        magnitude += abs(term)
    return total, magnitude


@compiled()
def _exact_inner_product(query: Floats, gallery: Floats) -> float:
    """Return the exact inner product, rounded to odd: a second rounding, to float32, is then right.

    The partial sums are those of Shewchuk, Adaptive Precision Floating-Point Arithmetic (1997),
    section 2.4: together they are exact, and no two have a bit of the same value.
    """
    partials, count = np.empty(len(query) + 1), 0
    for index in range(len(query)):
        high = np.float64(query[index]) * np.float64(gallery[index])
        kept = 0
        for place in range(count):
            first, second = high, partials[place]
            high = first + second
            rounded = high - first
            low = (first - (high - rounded)) + (second - rounded)
            if low != 0.0:
                partials[kept] = low
                kept += 1
        partials[kept] = high
        count = kept + 1
    total = rest = np.float64(0)
    while count > 0 and rest == 0.0:
        count -= 1
        first, second = total, partials[count]
        total = first + second
        rest = second - (total - first)
    partials[0] = total
    if rest != 0.0 and partials.view(np.int64)[0] % 2 == 0:
        return float(np.nextafter(total, np.copysign(np.inf, rest)))
    return float(total)


@compiled()
def _sum_up(hits: Integers, cutoffs: Integers, tallies: Tallies, query: int) -> None:
    """Write the tallies of a query, given the ranks of its relevant images, counted from 0."""
    tallies.num_relevant[query] = len(hits)
    tallies.hits_in_r[query] = np.searchsorted(hits, len(hits))
    tallies.precision[query] = _total_precision(hits)
    for index in range(len(cutoffs)):
        count = np.searchsorted(hits, cutoffs[index])
        tallies.hits[query, index] = count
        tallies.cutoff_precision[query, index] = _total_precision(hits[:count])


@compiled(fastmath={"reassoc", "contract"})
def _total_precision(hits: Integers) -> float:
    """Sum up the precision at each hit."""
    total = 0.0
    for hit in range(len(hits)):
        total += float(hit + 1) / float(hits[hit] + 1)
    return total
