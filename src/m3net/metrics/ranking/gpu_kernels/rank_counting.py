"""Ranks of the relevant images of a row, and its best images, without a sort.

A node is a relevant image of one class of the row. Nodes of one bin form a linked list. A bit marks
the node's bin, and the number of marked bins before it is the slot of `head` where the list begins.
"""

import triton
import triton.language as tl

from m3net.metrics.ranking.gpu_kernels.primitives import bin_of, bits_set, set_before, set_bits


@triton.jit
def write_nodes(
    row_scores,
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
    """Write the nodes of one class and mark their bins; return their number."""
    none = -float("inf")
    label_class = tl.load(classes + label)
    start = tl.load(class_bounds + label_class)
    size = (tl.load(class_bounds + label_class + 1) - start).to(tl.int32)
    for first in range(0, size, NODES):
        index = first + tl.arange(0, NODES)
        is_member = index < size
        column = tl.load(members + start + index, mask=is_member, other=0)
        score = tl.load(row_scores + column, mask=is_member, other=none)
        if not MULTI:
            # An image that shares several classes is one relevant image.
            for earlier in range(first_label, label):
                flag = targets + column * num_classes + tl.load(classes + earlier)
                is_repeated = tl.load(flag, mask=is_member, other=0)
                score = tl.where(is_repeated != 0, none, score)
        node = total + index
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
        score_bin = bin_of(score, best, scale, BINS)
        slot = set_before(is_marked, marked_before, score_bin, score != none)
        previous = tl.atomic_xchg(head + slot, node, mask=score != none, sem="relaxed")
        tl.store(following + node, previous, mask=score != none)


@triton.jit
def count_row(
    row_scores,
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
    """Count the images of each bin, and those before each node in its bin.

    Returns 1 if a list is longer than LONGEST, which ends its comparisons; otherwise `is_skewed`.
    """
    none = -float("inf")
    for first in range(0, pitch, TILE):
        column = first + tl.arange(0, TILE)
        score = tl.load(row_scores + column, mask=column < pitch, other=none)
        score_bin = bin_of(score, best, scale, BINS)
        tl.atomic_add(counts + score_bin, 1, mask=score != none, sem="relaxed")
        word = tl.load(is_marked + (score_bin >> 5), mask=score != none, other=0)
        mark = 1 << (score_bin & 31)
        is_near = (word & mark) != 0
        slot = tl.load(marked_before + (score_bin >> 5), mask=is_near, other=0)
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
    """Write the rank of each node, from 0 on; -1 if it is excluded."""
    none = -float("inf")
    for first in range(0, total, NODES):
        node = first + tl.arange(0, NODES)
        score = tl.load(node_score + node, mask=node < total, other=none)
        score_bin = bin_of(score, best, scale, BINS)
        rank = tl.load(counts + score_bin, mask=score != none, other=0)
        rank += tl.load(before + node, mask=score != none, other=0)
        rank = tl.where(score == none, -1, rank)
        tl.store(ranks + node, rank, mask=node < total)


@triton.jit
def find_candidates(
    row_scores,
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
    """Collect, in any order, all images in bins that begin before rank TOP; return their number.

    Only the first CANDIDATES are stored.
    """
    none = -float("inf")
    for first in range(0, pitch, TILE):
        column = first + tl.arange(0, TILE)
        score = tl.load(row_scores + column, mask=column < pitch, other=none)
        score_bin = bin_of(score, best, scale, BINS)
        rank = tl.load(counts + score_bin, mask=score != none, other=TOP)
        counter = candidates + CANDIDATES + tl.zeros([TILE], tl.int32)
        slot = tl.atomic_add(counter, 1, mask=rank < TOP, sem="relaxed")
        kept = (rank < TOP) & (slot < CANDIDATES)
        tl.store(candidates + slot, column, mask=kept)
    tl.debug_barrier()
    return tl.load(candidates + CANDIDATES)


@triton.jit
def list_best(
    row_scores, candidates, size, columns, scores, TOP: tl.constexpr, NODES: tl.constexpr
):
    """Write the best TOP candidates, comparing each with all."""
    none = -float("inf")
    for first in range(0, size, NODES):
        index = first + tl.arange(0, NODES)
        column = tl.load(candidates + index, mask=index < size, other=0)
        score = tl.load(row_scores + column, mask=index < size, other=none)
        rank = tl.zeros([NODES], tl.int32)
        for other in range(0, size):
            other_column = tl.load(candidates + other)
            other_score = tl.load(row_scores + other_column)
            earlier = (other_score > score) | ((other_score == score) & (other_column < column))
            rank += earlier.to(tl.int32)
        listed = (index < size) & (rank < TOP)
        tl.store(columns + rank, column, mask=listed)
        tl.store(scores + rank, score, mask=listed)
