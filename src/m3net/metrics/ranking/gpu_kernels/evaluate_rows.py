"""The kernel: all that is done for one row of scores, in order."""

import triton
import triton.language as tl

from m3net.metrics.ranking.gpu_kernels.bits import sum_before, zero
from m3net.metrics.ranking.gpu_kernels.judging import evaluate_query
from m3net.metrics.ranking.gpu_kernels.primitives import (
    exclude,
    extremes,
    find_candidates,
    list_best,
)
from m3net.metrics.ranking.gpu_kernels.rank_counting import (
    count_row,
    link_nodes,
    write_nodes,
    write_ranks,
)


# Whether these are 1, or multiples of 16, must not compile the kernel again.
@triton.jit(do_not_specialize=list(range(4, 25)))
def evaluate_rows(
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
):
    """Judge the queries of q images; each program takes every so many-th of them."""
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

    for row in range(tl.program_id(0), num_rows, tl.num_programs(0)):
        own = scores + row * pitch
        tl.debug_barrier()
        zero(counts, BINS + BINS // 32, TILE)
        last_own = tl.load(own_last + row)
        exclude(own, tl.load(own_first + row), last_own, by_group, num_gallery, pitch, NODES)
        tl.debug_barrier()

        best, span = extremes(own, pitch, TILE)
        # Equal scores all fall into bin 0.
        scale = tl.where(span > 0, tl.minimum(BINS / span, 3e38), 0.0)
        is_skewed = (span > 3e38).to(tl.int32)

        # The nodes of all the row's classes, one behind the other.
        first_label, last_label = tl.load(label_bounds + row), tl.load(label_bounds + row + 1)
        total = tl.zeros([], tl.int32)
        for label in range(first_label, last_label):
            total += write_nodes(
                own, best, scale, total, label, first_label, classes, class_bounds, members,
                targets, num_classes, is_marked, head, before, node_column, node_score,
                MULTI, BINS, NODES,
            )  # fmt: skip
        tl.debug_barrier()
        sum_before(is_marked, marked_before, BINS // 32, True, BINS // 32)
        tl.debug_barrier()
        link_nodes(
            total, best, scale, is_marked, marked_before, head, following, node_score, BINS, NODES
        )
        tl.debug_barrier()

        is_skewed = count_row(
            own, pitch, best, scale, counts, is_marked, marked_before, head, following, before,
            node_column, node_score, is_skewed, BINS, LONGEST, TILE,
        )  # fmt: skip
        tl.debug_barrier()
        sum_before(counts, counts, BINS, False, TILE)
        tl.debug_barrier()

        if TOP > 0:
            tl.store(candidates + CANDIDATES, 0)
            tl.debug_barrier()
            found = find_candidates(
                own, pitch, best, scale, counts, candidates, TOP, CANDIDATES, BINS, TILE
            )
            is_skewed = tl.maximum(is_skewed, (found > CANDIDATES).to(tl.int32))
            found = tl.minimum(found, CANDIDATES)
            columns, best_scores = top_column + row * TOP, top_score + row * TOP
            list_best(own, candidates, found, columns, best_scores, TOP, NODES)

        # Who follows whom is not asked any more, which leaves room for ranks.
        ranks = following
        write_ranks(total, best, scale, counts, before, node_score, ranks, BINS, NODES)
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
            evaluate_query(
                query, begin, end, ranks, is_hit, hits_before, num_words, limits, num_limits,
                num_queries, num_relevant, terms, TILE, NODES,
            )  # fmt: skip
        tl.store(skewed + row, is_skewed)
