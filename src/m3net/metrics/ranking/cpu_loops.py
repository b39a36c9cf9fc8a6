"""The loops of the fast ranking, compiled: keys, and what follows from their order.

A key is a number of 32 bits that a sort puts into the order of a ranking. A score fills its upper
bits. The lower ones, finer than a float32 product is precise, say whether the gallery image is
relevant to each of a few queries and in which block of columns it stands. So the sort moves half as
many bytes as one of scores and columns, relevance needs no look-up after it, and the column of a
rank is found again by a look at one block. The sort leaves them alone, and keys of equal scores in
the order of their columns.

Where a product leaves an order open on which a metric or the list of the best depends, the scores
are computed as they are defined. The loops hold no lock of the interpreter, so that threads run
them side by side. They and their constants stand in one file, because compiled code is kept until
the file of a function changes.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from m3net.metrics.ranking.compiling import compiled
from m3net.metrics.ranking.cpu_product import Bools, Doubles, Floats, Integers, Product

Keys = NDArray[np.int32]

AT_ONCE = 2
"""So many queries of one image share one sort, and each has a bit of the keys for what is relevant
to it."""

BLOCKS = 8
LOW = np.int32(BLOCKS * 2**AT_ONCE - 1)
LAST = np.int32(2**31 - 1) & ~LOW
"""Greater than the key of any score; of gallery images that take no part."""

LOST = float(2 * (LOW + 1))
"""So much the lower bits may move two keys against each other: by a step of what the upper ones can
tell, and by what they hold themselves."""

LONGEST = 64
"""Where more ranks in a row are open, as for a network that gives many images one embedding,
float64 for all scores is the shorter way."""


class Asked(NamedTuple):
    """What n queries of some images ask for.

    Attributes:
        rows: (n,) int64, the image of each query.
        order: (n,) int64, ascending from 0 without a gap, the ordering of the gallery that it uses.
        bit: (n,) int64 below `AT_ONCE`, 0 for the first query of an ordering.
        bounds: (n + 1,) int64; query q asks for any of `classes[bounds[q]:bounds[q + 1]]`.
        classes: (m,) int64.
    """

    rows: Integers
    order: Integers
    bit: Integers
    bounds: Integers
    classes: Integers

    def part(self, first: int, last: int) -> "Asked":
        """Give the queries from one up to another, whose orderings are counted from 0 again."""
        own = slice(first, last)
        return Asked(
            self.rows[own],
            self.order[own] - self.order[first],
            self.bit[own],
            self.bounds[first : last + 1],
            self.classes,
        )


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

    def part(self, first: int, last: int) -> "Judged":
        """Give those of the queries from one up to another, to be written."""
        return Judged._make(column[first:last] for column in self)

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


@compiled()
def write_keys(negated: Floats, asked: Asked, carriers: Bools, keys: Keys) -> None:
    """Write the keys of g orderings of a gallery of G.

    Args:
        negated: (b, G) float32, scores times -1, whose whole part an int32 holds.
        asked: What n queries ask for.
        carriers: (K, G) bool, True where a gallery image carries a class.
        keys: (g, G) int32, is written.
    """
    width = _width(keys.shape[1])
    block = ((np.arange(keys.shape[1]) // width) << AT_ONCE).astype(np.int32)
    for query in range(len(asked.rows)):
        own = keys[asked.order[query]]
        if asked.bit[query] == 0:
            scores = negated[asked.rows[query]]
            for column in range(len(own)):
                own[column] = (np.int32(scores[column]) & ~LOW) | block[column]
        for place in range(asked.bounds[query], asked.bounds[query + 1]):
            carries = carriers[asked.classes[place]]
            for column in range(len(own)):
                own[column] |= np.int32(carries[column]) << np.int32(asked.bit[query])


@compiled()
def _find_columns(ordered: Keys, keys: Keys, start: int, end: int, columns: Integers) -> bool:
    """Write the columns of the gallery images at some ranks of an ordering; say if all were found.

    Args:
        ordered: (G,) int32, its keys from the best on.
        keys: (G,) int32, its keys in the order of the gallery.
        start: The first rank; the score of the one before differs.
        end: The last rank; the score of the next one differs.
        columns: Takes end - start + 1 columns, those of equal scores ascending.
    """
    width = _width(len(keys))
    for rank in range(start, end + 1):
        key = ordered[rank]
        first = ((key & LOW) >> AT_ONCE) * width
        begin = first
        if rank > start and _are_neighbors(ordered[rank - 1], key):
            begin = columns[rank - 1 - start] + 1
        is_last = rank == end or not _are_neighbors(ordered[rank + 1], key)
        place = _find(keys[begin : first + width], key, is_last)
        if place < 0:
            return False
        columns[rank - start] = begin + place
    return True


@compiled()
def _are_neighbors(key: np.int32, other: np.int32) -> bool:
    """Say whether two keys are of equal scores in one block of columns."""
    return bool((key ^ other) >> AT_ONCE == 0)


@compiled()
def _find(block: Keys, key: np.int32, is_only_one: bool) -> int:
    """Give the first place of a key, which may stand at one place only, or -1."""
    if is_only_one:
        # A sum without a branch compares many keys at once.
        total = np.int32(0)
        for place in range(len(block)):
            total += np.int32(block[place] == key) * np.int32(place + 1)
        return int(total) - 1
    for place in range(len(block)):
        if block[place] == key:
            return place
    return -1


@compiled()
def _width(num_gallery: int) -> int:
    """Give the number of columns of a block."""
    return max(-(-num_gallery // BLOCKS), 1)


class _Run(NamedTuple):
    """Gallery images at some ranks in a row, with room for `LONGEST` of them."""

    column: Integers
    score: Floats
    relevant: Bools


@compiled()
def judge(
    product: Product,
    asked: Asked,
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
        asked: What the queries ask for.
        keys: (g, G) int32, for each ordering in the order of the gallery.
        ordered: (g, G) int32, the same from the best on.
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
    for query in range(len(asked.rows)):
        row, relevant = asked.rows[query], np.int32(1) << np.int32(asked.bit[query])
        order, own = ordered[asked.order[query]], keys[asked.order[query]]
        count = _find_hits(order, relevant, hits)
        end = num_ranked[query]
        listed = _settle_list(product, row, own, order, relevant, end, hits, run, judged, query)
        if listed < 0 or not _settle_hits(
            product, row, own, order, relevant, listed, end, hits[:count], run
        ):
            return False
        _sum_up(hits[:count], cutoffs, judged, query)
    return True


@compiled()
def _find_hits(order: Keys, relevant: np.int32, hits: Integers) -> int:
    """Write the ranks of the relevant images, counted from 0, and give their number."""
    count = 0
    for rank in range(len(order)):
        hits[count] = rank
        count += (order[rank] & relevant) != 0
    return count


@compiled()
def _settle_list(
    product: Product,
    row: int,
    keys: Keys,
    order: Keys,
    relevant: np.int32,
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
        if not _settle(product, row, keys, order, relevant, start, end, run):
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


@compiled()
def _settle_hits(
    product: Product,
    row: int,
    keys: Keys,
    order: Keys,
    relevant: np.int32,
    first: int,
    num_ranked: int,
    hits: Integers,
    run: _Run,
) -> bool:
    """Move the hits to where they stand in runs of open ranks that hold others as well.

    All before the rank `first` is settled. Gives whether it could be done.
    """
    hit = np.searchsorted(hits, first)
    apart = _apart(product, row, order, num_ranked)
    while hit < len(hits):
        rank = hits[hit]
        key = np.int64(order[rank])
        after_other = (
            rank > first and key - order[rank - 1] <= apart and not order[rank - 1] & relevant
        )
        before_other = (
            rank + 1 < num_ranked
            and order[rank + 1] - key <= apart
            and not order[rank + 1] & relevant
        )
        if not (after_other and _is_open(product, row, order, rank - 1)) and not (
            before_other and _is_open(product, row, order, rank)
        ):
            hit += 1
            continue
        start = rank
        while start > first and _is_open(product, row, order, start - 1):
            start -= 1
        end = _end_of_run(product, row, order, rank, num_ranked)
        if not _settle(product, row, keys, order, relevant, start, end, run):
            return False
        while hit > 0 and hits[hit - 1] >= start:
            hit -= 1
        for place in range(end - start + 1):
            if run.relevant[place]:
                hits[hit] = start + place
                hit += 1
    return True


@compiled()
def _end_of_run(product: Product, row: int, order: Keys, rank: int, num_ranked: int) -> int:
    """Give the last rank of the run of open ranks that a rank stands in."""
    while rank + 1 < num_ranked and _is_open(product, row, order, rank):
        rank += 1
    return rank


@compiled()
def _apart(product: Product, row: int, order: Keys, num_ranked: int) -> int:
    """Give how far apart two keys may be at most where the product leaves their order open.

    It spares `_is_open` most of its calls, which is exact for the scores it is asked about.
    """
    farthest = max(abs(float(order[0])), abs(float(order[max(num_ranked, 1) - 1])))
    error = product.cancelled[row] ** 2 + (product.per_score * farthest) ** 2
    return int(LOST + np.sqrt(2 * error)) + 1


@compiled()
def _is_open(product: Product, row: int, order: Keys, rank: int) -> bool:
    """Say whether the product leaves open which of the images at a rank and the next is better.

    Both scores may be off. Their errors have either sign, so that they add up as their root.
    """
    near = float(order[rank])
    apart = float(order[rank + 1]) - near - LOST
    error = product.cancelled[row] ** 2 + (product.per_score * near) ** 2
    return apart <= 0 or apart**2 <= 2 * error


@compiled()
def _settle(
    product: Product,
    row: int,
    keys: Keys,
    order: Keys,
    relevant: np.int32,
    start: int,
    end: int,
    run: _Run,
) -> bool:
    """Put the images of a run in the order of their scores as they are defined, ties by column.

    Gives whether it could be done.
    """
    if end - start >= LONGEST or not _find_columns(order, keys, start, end, run.column):
        return False
    for rank in range(start, end + 1):
        column, is_relevant = run.column[rank - start], (order[rank] & relevant) != 0
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
        run.score[place], run.column[place], run.relevant[place] = score, column, is_relevant
    return True


@compiled(fastmath={"reassoc", "contract"})
def _inner_product(query: Floats, gallery: Floats) -> float:
    """Sum up in float64."""
    total = 0.0
    for place in range(len(query)):
        total += np.float64(query[place]) * np.float64(gallery[place])
    return total


@compiled()
def _sum_up(hits: Integers, cutoffs: Integers, judged: Judged, query: int) -> None:
    """Write what follows from the ranks of the relevant images, counted from 0."""
    judged.num_relevant[query] = len(hits)
    judged.within_relevant[query] = np.searchsorted(hits, len(hits))
    judged.precision[query] = _total_precision(hits)
    for place in range(len(cutoffs)):
        count = np.searchsorted(hits, cutoffs[place])
        judged.hits[query, place] = count
        judged.early_precision[query, place] = _total_precision(hits[:count])


@compiled(fastmath={"reassoc", "contract"})
def _total_precision(hits: Integers) -> float:
    """Sum up the precision at each relevant image."""
    total = 0.0
    for hit in range(len(hits)):
        total += float(hit + 1) / float(hits[hit] + 1)
    return total
