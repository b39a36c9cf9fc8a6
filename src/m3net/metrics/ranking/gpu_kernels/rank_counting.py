"""Ranks of the relevant images of a row, without a sort.

A node is a relevant image of one class of the row. Nodes of one bin form a linked list: its bin is
marked by a bit, and as many marked bins as come before it say in which slot of `head` it begins.
"""

import triton
import triton.language as tl

from m3net.metrics.ranking.gpu_kernels.bits import bits_set, set_before, set_bits
from m3net.metrics.ranking.gpu_kernels.primitives import bin_of


@triton.jit
def write_nodes(
    own,
    best,
    scale,
    total,  # nodes of earlier classes
    label,
    first_label,
    classes,
    class_bounds,
    members,
    targets,
    num_classes,
    is_marked,
    head,
    before,
    node_column,
    node_score,
    MULTI: tl.constexpr,
    BINS: tl.constexpr,
    NODES: tl.constexpr,
):
    """Write the nodes of one class and mark their bins; give their number."""
    none = -float("inf")
    own_class = tl.load(classes + label)
    start = tl.load(class_bounds + own_class)
    size = (tl.load(class_bounds + own_class + 1) - start).to(tl.int32)
    for first in range(0, size, NODES):
        place = first + tl.arange(0, NODES)
        is_member = place < size
        column = tl.load(members + start + place, mask=is_member, other=0)
        score = tl.load(own + column, mask=is_member, other=none)
        if not MULTI:
            # An image that shares several classes is relevant once.
            for earlier in range(first_label, label):
                flag = targets + column * num_classes + tl.load(classes + earlier)
                again = tl.load(flag, mask=is_member, other=0)
                score = tl.where(again != 0, none, score)
        node = total + place
        set_bits(is_marked, bin_of(score, best, scale, BINS), score != none)
        tl.store(head + node, -1, mask=is_member)
        tl.store(before + node, 0, mask=is_member)
        tl.store(node_column + node, column.to(tl.int32), mask=is_member)
        tl.store(node_score + node, score, mask=is_member)
    return size


@triton.jit
def link_nodes(
    total,
    best,
    scale,
    is_marked,
    marked_before,
    head,
    following,
    node_score,
    BINS: tl.constexpr,
    NODES: tl.constexpr,
):
    """Put each node at the head of its bin's list."""
    none = -float("inf")
    for first in range(0, total, NODES):
        node = first + tl.arange(0, NODES)
        score = tl.load(node_score + node, mask=node < total, other=none)
        place = bin_of(score, best, scale, BINS)
        slot = set_before(is_marked, marked_before, place, score != none)
        then = tl.atomic_xchg(head + slot, node, mask=score != none, sem="relaxed")
        tl.store(following + node, then, mask=score != none)


@triton.jit
def count_row(
    own,
    pitch,
    best,
    scale,
    counts,
    is_marked,
    marked_before,
    head,
    following,
    before,
    node_column,
    node_score,
    is_skewed,
    BINS: tl.constexpr,
    LONGEST: tl.constexpr,
    TILE: tl.constexpr,
):
    """Count the images of each bin, and those of a node's own bin that come before it.

    Gives 1 where a list is longer than LONGEST, which ends the comparisons, else `is_skewed`.
    """
    none = -float("inf")
    for first in range(0, pitch, TILE):
        column = first + tl.arange(0, TILE)
        score = tl.load(own + column, mask=column < pitch, other=none)
        place = bin_of(score, best, scale, BINS)
        tl.atomic_add(counts + place, 1, mask=score != none, sem="relaxed")
        word = tl.load(is_marked + (place >> 5), mask=score != none, other=0)
        mark = 1 << (place & 31)
        is_near = (word & mark) != 0
        slot = tl.load(marked_before + (place >> 5), mask=is_near, other=0)
        slot += bits_set(word & (mark - 1))
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
    return is_skewed


@triton.jit
def write_ranks(
    total,
    best,
    scale,
    counts,  # of all images in better bins
    before,
    node_score,
    ranks,
    BINS: tl.constexpr,
    NODES: tl.constexpr,
):
    """Write the rank of each node, from 0 on; -1 where it takes no part."""
    none = -float("inf")
    for first in range(0, total, NODES):
        node = first + tl.arange(0, NODES)
        score = tl.load(node_score + node, mask=node < total, other=none)
        place = bin_of(score, best, scale, BINS)
        rank = tl.load(counts + place, mask=score != none, other=0)
        rank += tl.load(before + node, mask=score != none, other=0)
        rank = tl.where(score == none, -1, rank)
        tl.store(ranks + node, rank, mask=node < total)
