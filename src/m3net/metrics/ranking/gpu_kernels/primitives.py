"""A row of scores: who takes part, in which bin each falls, and which are the best of all."""

import triton
import triton.language as tl


@triton.jit
def bin_of(scores, best, scale, BINS: tl.constexpr):
    """Give the bin of each score; a better one is never in a later bin."""
    return tl.minimum((best - scores) * scale, BINS - 1.0).to(tl.int32)


@triton.jit
def exclude(own, first_own, last_own, by_group, num_gallery, pitch, NODES: tl.constexpr):
    """Give -inf to the images of the row's own product, and to what pads the row."""
    none = -float("inf")
    for first in range(first_own, last_own, NODES):
        place = first + tl.arange(0, NODES)
        column = tl.load(by_group + place, mask=place < last_own, other=0)
        tl.store(own + column, none, mask=place < last_own)
    for first in range(num_gallery, pitch, NODES):
        column = first + tl.arange(0, NODES)
        tl.store(own + column, none, mask=column < pitch)


@triton.jit
def extremes(own, pitch, TILE: tl.constexpr):
    """Give the best score, and how far the worst is from it."""
    none = -float("inf")
    most = tl.full([TILE], none, tl.float32)
    least = tl.full([TILE], float("inf"), tl.float32)
    for first in range(0, pitch, TILE):
        column = first + tl.arange(0, TILE)
        score = tl.load(own + column, mask=column < pitch, other=none)
        most = tl.maximum(most, score)
        least = tl.minimum(least, tl.where(score == none, float("inf"), score))
    best = tl.max(most, 0)
    return best, best - tl.min(least, 0)


@triton.jit
def find_candidates(
    own,
    pitch,
    best,
    scale,
    counts,
    candidates,
    TOP: tl.constexpr,
    CANDIDATES: tl.constexpr,
    BINS: tl.constexpr,
    TILE: tl.constexpr,
):
    """Collect, in any order, all images in bins that begin before rank TOP; give their number.

    Where there are more than CANDIDATES, the rest is left out.
    """
    none = -float("inf")
    for first in range(0, pitch, TILE):
        column = first + tl.arange(0, TILE)
        score = tl.load(own + column, mask=column < pitch, other=none)
        place = bin_of(score, best, scale, BINS)
        rank = tl.load(counts + place, mask=score != none, other=TOP)
        counter = candidates + CANDIDATES + tl.zeros([TILE], tl.int32)
        slot = tl.atomic_add(counter, 1, mask=rank < TOP, sem="relaxed")
        kept = (rank < TOP) & (slot < CANDIDATES)
        tl.store(candidates + slot, column, mask=kept)
    tl.debug_barrier()
    return tl.load(candidates + CANDIDATES)


@triton.jit
def list_best(own, candidates, found, columns, scores, TOP: tl.constexpr, NODES: tl.constexpr):
    """Write the best TOP of the candidates, by comparing each with all."""
    none = -float("inf")
    for first in range(0, found, NODES):
        place = first + tl.arange(0, NODES)
        column = tl.load(candidates + place, mask=place < found, other=0)
        score = tl.load(own + column, mask=place < found, other=none)
        rank = tl.zeros([NODES], tl.int32)
        for other in range(0, found):
            other_column = tl.load(candidates + other)
            other_score = tl.load(own + other_column)
            earlier = (other_score > score) | ((other_score == score) & (other_column < column))
            rank += earlier.to(tl.int32)
        listed = (place < found) & (rank < TOP)
        tl.store(columns + rank, column, mask=listed)
        tl.store(scores + rank, score, mask=listed)
