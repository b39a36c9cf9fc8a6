"""Terms of one query from the ranks of its relevant images."""

import triton
import triton.language as tl

from m3net.metrics.ranking.gpu_kernels.bits import set_before, set_bits, sum_before, zero


@triton.jit
def evaluate_query(
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
    """Write the number of relevant images of a query, and its terms."""
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
    """Sum the precisions at the hits before a cutoff; count these, and those before R as well."""
    precision = tl.zeros([], tl.float64)
    hits = tl.zeros([], tl.int32)
    within = tl.zeros([], tl.int32)
    for first in range(begin, end, NODES):
        node = first + tl.arange(0, NODES)
        rank = tl.load(ranks + node, mask=node < end, other=-1)
        is_early = (rank >= 0) & (rank < cutoff)
        hit = 1 + set_before(is_hit, hits_before, rank, is_early)
        share = hit.to(tl.float64) / (rank + 1).to(tl.float64)
        precision += tl.sum(tl.where(is_early, share, 0.0), 0)
        hits += tl.sum(is_early.to(tl.int32), 0)
        within += tl.sum((is_early & (rank < relevant)).to(tl.int32), 0)
    return precision, hits, within
