"""Judging queries on a GPU without a sort: only ranks of relevant images matter, and are counted.

One program takes one image that asks, with its row of G scores. The scores fall into equal bins
between the row's best and worst; bin 0 holds the best. A relevant image's rank is the number of
images in better bins, which are counted once for all, and of those in its own bin that come before
it. For the latter the relevant images of a bin form a linked list, and each image that falls into
the bin is compared with those on it: few, unless scores are equal or nearly so.

Ranks become metrics by way of a bit for each rank, set where the image is relevant: the bits set
before a rank say how many relevant images come earlier.

Counts do not depend on the order in which threads add to them, and sums run in the order of the
gallery, so that results are the same in every run. A row whose lists are too long, as where a
network tells no images apart, is marked for the plain ranking.
"""

import triton
import triton.language as tl


@triton.jit
def _bin(scores, best, scale, BINS: tl.constexpr):
    """Give the bin of each score; a better one is never in a later bin."""
    return tl.minimum((best - scores) * scale, BINS - 1.0).to(tl.int32)


@triton.jit
def _bits_set(words):
    """Count the bits of each int32."""
    words = words.to(tl.uint32, bitcast=True)
    words = words - ((words >> 1) & 0x55555555)
    words = (words & 0x33333333) + ((words >> 2) & 0x33333333)
    words = (words + (words >> 4)) & 0x0F0F0F0F
    words = words + (words >> 8)
    words = words + (words >> 16)
    return (words & 0x3F).to(tl.int32)


@triton.jit
def _zero(values, size, TILE: tl.constexpr):
    """Fill with 0."""
    for first in range(0, size, TILE):
        place = first + tl.arange(0, TILE)
        tl.store(values + place, tl.zeros([TILE], tl.int32), mask=place < size)


@triton.jit
def _sum_before(values, sums, size, OF_BITS: tl.constexpr, TILE: tl.constexpr):
    """Write for each place what all before it hold, numbers or bits; give what all hold."""
    total = tl.zeros([], tl.int32)
    for first in range(0, size, TILE):
        place = first + tl.arange(0, TILE)
        own = tl.load(values + place, mask=place < size, other=0)
        if OF_BITS:
            own = _bits_set(own)
        tl.store(sums + place, total + tl.cumsum(own, 0) - own, mask=place < size)
        total += tl.sum(own, 0)
    return total


@triton.jit
def _set_bits(bits, place, mask):
    """Set bits; several threads may set bits of one word."""
    tl.atomic_or(bits + (place >> 5), 1 << (place & 31), mask=mask, sem="relaxed")


@triton.jit
def _set_before(bits, sums, place, mask):
    """Count the bits that are set before each place."""
    word = tl.load(bits + (place >> 5), mask=mask, other=0)
    before = tl.load(sums + (place >> 5), mask=mask, other=0)
    return before + _bits_set(word & ((1 << (place & 31)) - 1))


# Whether these are 1, or multiples of 16, must not compile the kernel again.
@triton.jit(do_not_specialize=list(range(4, 25)))
def judge_rows(
    scores,  # (q, pitch) float32, written where an image takes no part
    pitch,
    scratch,  # (programs, stride) int32
    stride,
    num_rows,
    num_gallery,
    own_first,  # (q,) int64, bounds in by_group of the images of the row's own product
    own_last,
    by_group,  # (G,) int64
    label_bounds,  # (q + 1,) int64, bounds of the row's classes
    classes,  # (labels,) int64
    class_bounds,  # (K + 1,) int64, bounds in members
    members,  # the gallery images of each class, ascending, int64
    targets,  # (G, K) bool
    num_classes,
    limits,  # (C + 1,) int64: more than G, then the cutoffs
    num_limits,
    num_queries,
    first_query,  # of those of this block, under "single"
    num_relevant,  # (Q,) int64
    terms,  # (terms, Q) float64
    top_column,  # (q, TOP) int64, -1 before
    top_score,  # (q, TOP) float32, -inf before
    skewed,  # (q,) int32, whether a row is left to the plain ranking
    num_nodes,  # the most relevant images of a row, over its classes
    MULTI: tl.constexpr,
    TOP: tl.constexpr,
    CANDIDATES: tl.constexpr,
    BINS: tl.constexpr,
    LONGEST: tl.constexpr,
    TILE: tl.constexpr,
    NODES: tl.constexpr,
    STOP: tl.constexpr,
):
    """Judge the queries of q images; STOP < 9 ends early, to time what comes before."""
    num_words = (num_gallery + 31) // 32
    counts = scratch + tl.program_id(0).to(tl.int64) * stride
    is_marked = counts + BINS
    marked_before = is_marked + BINS // 32
    is_hit = marked_before + BINS // 32
    hits_before = is_hit + num_words
    candidates = hits_before + num_words
    head = candidates + CANDIDATES + 1
    following = head + num_nodes
    before = following + num_nodes
    node_column = before + num_nodes
    node_score = (node_column + num_nodes).to(tl.pointer_type(tl.float32))
    none = -float("inf")

    for row in range(tl.program_id(0), num_rows, tl.num_programs(0)):
        own = scores + row * pitch
        tl.debug_barrier()
        _zero(counts, BINS + BINS // 32, TILE)
        last_own = tl.load(own_last + row)
        for first in range(tl.load(own_first + row), last_own, NODES):
            place = first + tl.arange(0, NODES)
            column = tl.load(by_group + place, mask=place < last_own, other=0)
            tl.store(own + column, none, mask=place < last_own)
        for first in range(num_gallery, pitch, NODES):
            column = first + tl.arange(0, NODES)
            tl.store(own + column, none, mask=column < pitch)
        tl.debug_barrier()

        most = tl.full([TILE], none, tl.float32)
        least = tl.full([TILE], float("inf"), tl.float32)
        for first in range(0, pitch, TILE):
            column = first + tl.arange(0, TILE)
            score = tl.load(own + column, mask=column < pitch, other=none)
            most = tl.maximum(most, score)
            least = tl.minimum(least, tl.where(score == none, float("inf"), score))
        best = tl.max(most, 0)
        span = best - tl.min(least, 0)
        # Equal scores all fall into bin 0.
        scale = tl.where(span > 0, tl.minimum(BINS / span, 3e38), 0.0)
        is_skewed = (span > 3e38).to(tl.int32)

        # The relevant images of all the row's classes, one list behind the other.
        first_label, last_label = tl.load(label_bounds + row), tl.load(label_bounds + row + 1)
        total = tl.zeros([], tl.int32)
        if STOP > 1:
            for label in range(first_label, last_label):
                own_class = tl.load(classes + label)
                start = tl.load(class_bounds + own_class)
                size = (tl.load(class_bounds + own_class + 1) - start).to(tl.int32)
                for first in range(0, size, NODES):
                    place = first + tl.arange(0, NODES)
                    is_member = place < size
                    column = tl.load(members + start + place, mask=is_member, other=0)
                    score = tl.load(own + column, mask=is_member, other=none)
                    if not MULTI:
                        for earlier in range(first_label, label):
                            flag = targets + column * num_classes + tl.load(classes + earlier)
                            again = tl.load(flag, mask=is_member, other=0)
                            score = tl.where(again != 0, none, score)
                    node = total + place
                    _set_bits(is_marked, _bin(score, best, scale, BINS), score != none)
                    tl.store(head + node, -1, mask=is_member)
                    tl.store(before + node, 0, mask=is_member)
                    tl.store(node_column + node, column.to(tl.int32), mask=is_member)
                    tl.store(node_score + node, score, mask=is_member)
                total += size
            tl.debug_barrier()
            _sum_before(is_marked, marked_before, BINS // 32, True, BINS // 32)
            tl.debug_barrier()
            for first in range(0, total, NODES):
                node = first + tl.arange(0, NODES)
                score = tl.load(node_score + node, mask=node < total, other=none)
                place = _bin(score, best, scale, BINS)
                slot = _set_before(is_marked, marked_before, place, score != none)
                then = tl.atomic_xchg(head + slot, node, mask=score != none, sem="relaxed")
                tl.store(following + node, then, mask=score != none)
            tl.debug_barrier()

        if STOP > 2:
            for first in range(0, pitch, TILE):
                column = first + tl.arange(0, TILE)
                score = tl.load(own + column, mask=column < pitch, other=none)
                place = _bin(score, best, scale, BINS)
                tl.atomic_add(counts + place, 1, mask=score != none, sem="relaxed")
                if STOP > 3:
                    word = tl.load(is_marked + (place >> 5), mask=score != none, other=0)
                    mark = 1 << (place & 31)
                    is_near = (word & mark) != 0
                    slot = tl.load(marked_before + (place >> 5), mask=is_near, other=0)
                    slot += _bits_set(word & (mark - 1))
                    node = tl.load(head + slot, mask=is_near, other=-1)
                    steps = tl.zeros([], tl.int32)
                    while (tl.max(node, 0) >= 0) & (steps < LONGEST):
                        other = tl.load(node_score + node, mask=node >= 0, other=float("inf"))
                        other_column = tl.load(node_column + node, mask=node >= 0, other=0)
                        earlier = (score > other) | ((score == other) & (column < other_column))
                        earlier = earlier & (node >= 0)
                        tl.atomic_add(before + node, 1, mask=earlier, sem="relaxed")
                        node = tl.load(following + node, mask=node >= 0, other=-1)
                        steps += 1
                    is_skewed = tl.maximum(is_skewed, (tl.max(node, 0) >= 0).to(tl.int32))
            tl.debug_barrier()

        if STOP > 4:
            _sum_before(counts, counts, BINS, False, TILE)
            tl.debug_barrier()

        if TOP > 0 and STOP > 4:
            tl.store(candidates + CANDIDATES, 0)
            tl.debug_barrier()
            for first in range(0, pitch, TILE):
                column = first + tl.arange(0, TILE)
                score = tl.load(own + column, mask=column < pitch, other=none)
                place = _bin(score, best, scale, BINS)
                rank = tl.load(counts + place, mask=score != none, other=TOP)
                counter = candidates + CANDIDATES + tl.zeros([TILE], tl.int32)
                slot = tl.atomic_add(counter, 1, mask=rank < TOP, sem="relaxed")
                kept = (rank < TOP) & (slot < CANDIDATES)
                tl.store(candidates + slot, column, mask=kept)
            tl.debug_barrier()
            found = tl.load(candidates + CANDIDATES)
            is_skewed = tl.maximum(is_skewed, (found > CANDIDATES).to(tl.int32))
            found = tl.minimum(found, CANDIDATES)
            for first in range(0, found, NODES):
                place = first + tl.arange(0, NODES)
                column = tl.load(candidates + place, mask=place < found, other=0)
                score = tl.load(own + column, mask=place < found, other=none)
                rank = tl.zeros([NODES], tl.int32)
                for other in range(0, found):
                    other_column = tl.load(candidates + other)
                    other_score = tl.load(own + other_column)
                    earlier = (other_score > score) | (
                        (other_score == score) & (other_column < column)
                    )
                    rank += earlier.to(tl.int32)
                listed = (place < found) & (rank < TOP)
                tl.store(top_column + row * TOP + rank, column, mask=listed)
                tl.store(top_score + row * TOP + rank, score, mask=listed)

        if STOP > 5:
            # From here on `following` holds ranks.
            for first in range(0, total, NODES):
                node = first + tl.arange(0, NODES)
                score = tl.load(node_score + node, mask=node < total, other=none)
                place = _bin(score, best, scale, BINS)
                rank = tl.load(counts + place, mask=score != none, other=0)
                rank += tl.load(before + node, mask=score != none, other=0)
                rank = tl.where(score == none, -1, rank)
                tl.store(following + node, rank, mask=node < total)
            tl.debug_barrier()
            end = tl.zeros([], tl.int32)
            first_asked = first_query + row
            last_asked = first_asked + 1
            if MULTI:
                first_asked, last_asked = first_label, last_label
            for query in range(first_asked, last_asked):
                begin = end
                if MULTI:
                    own_class = tl.load(classes + query)
                    start = tl.load(class_bounds + own_class)
                    end += (tl.load(class_bounds + own_class + 1) - start).to(tl.int32)
                else:
                    end = total
                _zero(is_hit, num_words, TILE)
                tl.debug_barrier()
                for first in range(begin, end, NODES):
                    node = first + tl.arange(0, NODES)
                    rank = tl.load(following + node, mask=node < end, other=-1)
                    _set_bits(is_hit, rank, rank >= 0)
                tl.debug_barrier()
                relevant = _sum_before(is_hit, hits_before, num_words, True, TILE)
                tl.debug_barrier()
                tl.store(num_relevant + query, relevant)
                one_or_relevant = tl.maximum(relevant, 1).to(tl.float64)
                for limit in range(0, num_limits):
                    cutoff = tl.load(limits + limit)
                    precision = tl.zeros([], tl.float64)
                    hits = tl.zeros([], tl.int32)
                    within = tl.zeros([], tl.int32)
                    for first in range(begin, end, NODES):
                        node = first + tl.arange(0, NODES)
                        rank = tl.load(following + node, mask=node < end, other=-1)
                        is_early = (rank >= 0) & (rank < cutoff)
                        hit = 1 + _set_before(is_hit, hits_before, rank, is_early)
                        share = hit.to(tl.float64) / (rank + 1).to(tl.float64)
                        precision += tl.sum(tl.where(is_early, share, 0.0), 0)
                        hits += tl.sum(is_early.to(tl.int32), 0)
                        within += tl.sum((is_early & (rank < relevant)).to(tl.int32), 0)
                    if limit == 0:
                        tl.store(terms + query, precision / one_or_relevant)
                        tl.store(
                            terms + num_queries + query, within.to(tl.float64) / one_or_relevant
                        )
                    else:
                        term = terms + (5 * limit - 3) * num_queries + query
                        one_or_hits = tl.maximum(hits, 1).to(tl.float64)
                        least_of = tl.minimum(tl.maximum(relevant, 1), cutoff).to(tl.float64)
                        tl.store(term, precision / one_or_hits)
                        tl.store(term + num_queries, precision / least_of)
                        tl.store(term + 2 * num_queries, hits.to(tl.float64) / one_or_relevant)
                        tl.store(term + 3 * num_queries, (hits > 0).to(tl.float64))
                        tl.store(
                            term + 4 * num_queries, hits.to(tl.float64) / cutoff.to(tl.float64)
                        )
                tl.debug_barrier()
        tl.store(skewed + row, is_skewed)
