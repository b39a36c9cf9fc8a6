"""Sets of small numbers as bits of int32 words, and sums of all that come before a place."""

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
        place = first + tl.arange(0, TILE)
        tl.store(values + place, tl.zeros([TILE], tl.int32), mask=place < size)


@triton.jit
def sum_before(values, sums, size, OF_BITS: tl.constexpr, TILE: tl.constexpr):
    """Write for each place what all before it hold, numbers or bits; give what all hold."""
    total = tl.zeros([], tl.int32)
    for first in range(0, size, TILE):
        place = first + tl.arange(0, TILE)
        own = tl.load(values + place, mask=place < size, other=0)
        if OF_BITS:
            own = bits_set(own)
        tl.store(sums + place, total + tl.cumsum(own, 0) - own, mask=place < size)
        total += tl.sum(own, 0)
    return total


@triton.jit
def set_bits(bits, place, mask):
    """Set bits; several threads may set bits of one word."""
    tl.atomic_or(bits + (place >> 5), 1 << (place & 31), mask=mask, sem="relaxed")


@triton.jit
def set_before(bits, sums, place, mask):
    """Count the bits that are set before each place."""
    word = tl.load(bits + (place >> 5), mask=mask, other=0)
    before = tl.load(sums + (place >> 5), mask=mask, other=0)
    return before + bits_set(word & ((1 << (place & 31)) - 1))
