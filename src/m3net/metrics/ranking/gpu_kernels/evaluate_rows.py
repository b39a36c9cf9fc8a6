"""The kernel: ranks and evaluates rows of scores."""

import triton
import triton.language as tl

from m3net.metrics.ranking.gpu_kernels.primitives import (
    exclude,
    extremes,
    set_before,
    set_bits,
    sum_before,
    zero,
)
from m3net.metrics.ranking.gpu_kernels.rank_counting import (
    count_row,
    find_candidates,
    link_nodes,
    list_best,
    write_nodes,
    write_ranks,
)


# Values of 1, or multiples of 16, must not trigger another compilation.
@triton.jit(do_not_specialize=list(range(4, 25)))
def evaluate_rows(
    scores,  # (q, pitch) float32; excluded images are overwritten
    pitch,
    scratch,  # (programs, stride) int32
    stride,
    num_rows,
    num_gallery,
    group_start,  # (q,) int64, bounds in by_group of the images of the row's product
    group_end,
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
    top_column,  # (q, TOP) int64, initially -1
    top_score,  # (q, TOP) float32, initially -inf
    skewed,  # (q,) int32, whether a row must be ranked by definition
    num_nodes,  # the most nodes of a row
    MULTI: tl.constexpr,
    TOP: tl.constexpr,
    CANDIDATES: tl.constexpr,
    BINS: tl.constexpr,
    LONGEST: tl.constexpr,
    TILE: tl.constexpr,
    NODES: tl.constexpr,
):
    """Rank and evaluate q rows in a grid-stride loop, one program per row at a time."""
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
        row_scores = scores + row * pitch
        tl.debug_barrier()
        zero(counts, BINS + BINS // 32, TILE)
        first_excluded, last_excluded = tl.load(group_start + row), tl.load(group_end + row)
        exclude(row_scores, first_excluded, last_excluded, by_group, num_gallery, pitch, NODES)
        tl.debug_barrier()

        best, span = extremes(row_scores, pitch, TILE)
        # If all scores are equal, they fall into bin 0.
        scale = tl.where(span > 0, tl.minimum(BINS / span, 3e38), 0.0)
        is_skewed = (span > 3e38).to(tl.int32)

        # The nodes of the row's classes, one class after the other.
        first_label, last_label = tl.load(label_bounds + row), tl.load(label_bounds + row + 1)
        total = tl.zeros([], tl.int32)
        for label in range(first_label, last_label):
            total += write_nodes(
                row_scores, best, scale, total, label, first_label, classes, class_bounds, members,
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
            row_scores, pitch, best, scale, counts, is_marked, marked_before, head, following,
            before, node_column, node_score, is_skewed, BINS, LONGEST, TILE,
        )  # fmt: skip
        tl.debug_barrier()
        sum_before(counts, counts, BINS, False, TILE)
        tl.debug_barrier()

        if TOP > 0:
            tl.store(candidates + CANDIDATES, 0)
            tl.debug_barrier()
            size = find_candidates(
                row_scores, pitch, best, scale, counts, candidates, TOP, CANDIDATES, BINS, TILE
            )
            is_skewed = tl.maximum(is_skewed, (size > CANDIDATES).to(tl.int32))
            size = tl.minimum(size, CANDIDATES)
            columns, best_scores = top_column + row * TOP, top_score + row * TOP
            list_best(row_scores, candidates, size, columns, best_scores, TOP, NODES)

        # The linked lists are no longer needed: reuse their memory.
        ranks = following
        write_ranks(total, best, scale, counts, before, node_score, ranks, BINS, NODES)
        tl.debug_barrier()
        end = tl.zeros([], tl.int32)
        first_of_row = first_query + row
        last_of_row = first_of_row + 1
        if MULTI:
            first_of_row, last_of_row = first_label, last_label
        for query in range(first_of_row, last_of_row):
            begin = end
            if MULTI:
                query_class = tl.load(classes + query)
                start = tl.load(class_bounds + query_class)
                end += (tl.load(class_bounds + query_class + 1) - start).to(tl.int32)
            else:
                end = total
            _evaluate_query(
                query, begin, end, ranks, is_hit, hits_before, num_words, limits, num_limits,
                num_queries, num_relevant, terms, TILE, NODES,
            )  # fmt: skip
        tl.store(skewed + row, is_skewed)


@triton.jit
def _evaluate_query(
    query,
    begin,  # of its nodes
    end,
    ranks,
    is_hit,
    hits_before,
    num_words,
    limits,
    num_limits,
    num_queries,
    num_relevant,
    terms,
    TILE: tl.constexpr,
    NODES: tl.constexpr,
):
    """Write the number of relevant images of a query, and its values for all metrics."""
    zero(is_hit, num_words, TILE)
    tl.debug_barrier()
    for first in range(begin, end, NODES):
        node = first + tl.arange(0, NODES)
        rank = tl.load(ranks + node, mask=node < end, other=-1)
        set_bits(is_hit, rank, rank >= 0)
    tl.debug_barrier()
    relevant = sum_before(is_hit, hits_before, num_words, True, TILE)
    tl.debug_barrier()
    tl.store(num_relevant + query, relevant)
    one_or_relevant = tl.maximum(relevant, 1).to(tl.float64)
    for limit in range(0, num_limits):
        cutoff = tl.load(limits + limit)
        precision, hits, within = _sums(
            begin, end, cutoff, relevant, ranks, is_hit, hits_before, NODES
        )
        if limit == 0:
            tl.store(terms + query, precision / one_or_relevant)
            tl.store(terms + num_queries + query, within.to(tl.float64) / one_or_relevant)
        else:
            term = terms + (5 * limit - 3) * num_queries + query
            one_or_hits = tl.maximum(hits, 1).to(tl.float64)
            least_of = tl.minimum(tl.maximum(relevant, 1), cutoff).to(tl.float64)
            tl.store(term, precision / one_or_hits)
            tl.store(term + num_queries, precision / least_of)
            tl.store(term + 2 * num_queries, hits.to(tl.float64) / one_or_relevant)
            tl.store(term + 3 * num_queries, (hits > 0).to(tl.float64))
            tl.store(term + 4 * num_queries, hits.to(tl.float64) / cutoff.to(tl.float64))
    tl.debug_barrier()


@triton.jit
def _sums(begin, end, cutoff, relevant, ranks, is_hit, hits_before, NODES: tl.constexpr):
    """Sum the precision at each hit before a cutoff; count these hits, and those before R too."""
    precision = tl.zeros([], tl.float64)
    hits = tl.zeros([], tl.int32)
    within = tl.zeros([], tl.int32)
    for first in range(begin, end, NODES):
        node = first + tl.arange(0, NODES)
        rank = tl.load(ranks + node, mask=node < end, other=-1)
        is_early = (rank >= 0) & (rank < cutoff)
        hit = 1 + set_before(is_hit, hits_before, rank, is_early)
        precision_here = hit.to(tl.float64) / (rank + 1).to(tl.float64)
        precision += tl.sum(tl.where(is_early, precision_here, 0.0), 0)
        hits += tl.sum(is_early.to(tl.int32), 0)
        within += tl.sum((is_early & (rank < relevant)).to(tl.int32), 0)
    return precision, hits, within
