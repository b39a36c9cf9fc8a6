"""Building blocks of the kernel: bit sets, prefix sums, and the bins of a row of scores."""

import triton
import triton.language as tl


@triton.jit
def bits_set(words):
    """Count the bits of each int32."""
    words = words.to(tl.uint32, bitcast=True)
    words = words - ((words >> 1) & 0x55555555)
    words = (words & 0x33333333) + ((words >> 2) & 0x33333333)
    words = (words + (words >> 4)) & 0x0F0F0F0F
    words = words + (words >> 8)
    words = words + (words >> 16)
    return (words & 0x3F).to(tl.int32)


@triton.jit
def zero(values, size, TILE: tl.constexpr):
    """Fill with 0."""
    for first in range(0, size, TILE):
        index = first + tl.arange(0, TILE)
        tl.store(values + index, tl.zeros([TILE], tl.int32), mask=index < size)


@triton.jit
def sum_before(values, sums, size, OF_BITS: tl.constexpr, TILE: tl.constexpr):
    """Write the sum of all values (or of their bits) before each one; return the total."""
    total = tl.zeros([], tl.int32)
    for first in range(0, size, TILE):
        index = first + tl.arange(0, TILE)
        value = tl.load(values + index, mask=index < size, other=0)
        if OF_BITS:
            value = bits_set(value)
        tl.store(sums + index, total + tl.cumsum(value, 0) - value, mask=index < size)
        total += tl.sum(value, 0)
    return total


@triton.jit
def set_bits(bits, index, mask):
    """Set bits, atomically."""
    tl.atomic_or(bits + (index >> 5), 1 << (index & 31), mask=mask, sem="relaxed")


@triton.jit
def set_before(bits, sums, index, mask):
    """Count the set bits before each index."""
    word = tl.load(bits + (index >> 5), mask=mask, other=0)
    before = tl.load(sums + (index >> 5), mask=mask, other=0)
    return before + bits_set(word & ((1 << (index & 31)) - 1))


@triton.jit
def bin_of(scores, best, scale, BINS: tl.constexpr):
    """Return the bin of each score; a better score is never in a later bin."""
    return tl.minimum((best - scores) * scale, BINS - 1.0).to(tl.int32)


@triton.jit
def exclude(row_scores, group_start, group_end, by_group, num_gallery, pitch, NODES: tl.constexpr):
    """Set the scores of the row's own product, and of its padding, to -inf."""
    none = -float("inf")
    for first in range(group_start, group_end, NODES):
        index = first + tl.arange(0, NODES)
        column = tl.load(by_group + index, mask=index < group_end, other=0)
        tl.store(row_scores + column, none, mask=index < group_end)
    for first in range(num_gallery, pitch, NODES):
        column = first + tl.arange(0, NODES)
        tl.store(row_scores + column, none, mask=column < pitch)


@triton.jit
def extremes(row_scores, pitch, TILE: tl.constexpr):
    """Return the best score, and its distance to the worst."""
    none = -float("inf")
    most = tl.full([TILE], none, tl.float32)
    least = tl.full([TILE], float("inf"), tl.float32)
    for first in range(0, pitch, TILE):
        column = first + tl.arange(0, TILE)
        score = tl.load(row_scores + column, mask=column < pitch, other=none)
        most = tl.maximum(most, score)
        least = tl.minimum(least, tl.where(score == none, float("inf"), score))
    best = tl.max(most, 0)
    return best, best - tl.min(least, 0)
