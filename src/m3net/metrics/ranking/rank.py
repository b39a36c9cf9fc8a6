"""Embeddings to rankings: each image ranks the gallery of one attribute, block by block."""

from collections.abc import Iterable, Sequence
from math import ceil
from typing import get_args

from m3net.metrics.embedded_images import Images
from m3net.metrics.query_results import CUTOFFS, QueryResults
from m3net.metrics.ranking.cpu import SCORES_AT_ONCE, CpuRanking
from m3net.metrics.ranking.gpu import GpuRanking, Scores, is_available
from m3net.metrics.ranking.reference import rank_by_definition
from m3net.metrics.ranking.threads import map_in_threads, num_threads
from m3net.protocol import Protocol

MEMORY_LIMIT = 2**27
_SORTED_SCORES, _COUNTED_SCORES = 2**24, 2**26
"""Scores that other devices than the CPU sort or count at once: fewer leave them idle.

Sorts take about 0.7 GiB, counts of exact scores 0.9 GiB.
"""

_MOST_IMAGES = 1024  # more make the product no faster
_FEWEST_IMAGES = 128  # fewer make it slower than another thread gains
# A score; and two keys, and some room, for each of those that are sorted at once.
_BYTES, _SORTED_BYTES = 4, 16


def rank(
    queries: Images,
    gallery: Images,
    *,
    protocol: Protocol = "single",
    cutoffs: Sequence[int] = CUTOFFS,
    top_k: int = 0,
    block_size: int | None = None,
    memory_limit: int = MEMORY_LIMIT,
    scores: Scores = "exact",
) -> QueryResults:
    """Rank the gallery for each image that asks and say how well.

    The gallery is ranked by inner product. Under "single" each image is a query, and a gallery
    image is relevant if it shares at least one class with it. Under "multi" an image is a query
    for each class that it carries, in the order of the classes, and a gallery image is relevant
    if it carries that class; the ranking is the same for all of them.

    An image is left out of its own ranking, and so is every image of its product where products are
    known. Of equal scores the smaller gallery index comes first, so neither the order of the rows
    nor the block size can change a ranking. Embeddings are taken as float32, whatever they come in;
    a score is their inner product, summed in float64 and rounded to float32.

    Args:
        queries: The images that ask; Q of them under "single".
        gallery: G images, with embeddings of the same length and the same classes.
        protocol: What a query is.
        cutoffs: Numbers of ranks k of the metrics that count only the first ones.
        top_k: How many of the best gallery images to keep for each query; 0 keeps no lists.
        block_size: How many images are scored at once. Memory grows with block_size * G. None takes
            as many as `memory_limit` allows.
        memory_limit: Bytes that scores and orders of a block may take, on the CPU; other devices
            take up to 0.9 GiB. Embeddings that hardly differ take the gallery's in float64 as well.
        scores: "exact" ones, or on a CUDA device those of a product in TF32: faster, but factors
            lose all but 10 bits behind the point, so that images whose scores differ by less than
            about a thousandth may change places, and another block size gives other last bits.

    Raises:
        M3NetError: An embedding is not finite; names the images.
        ValueError: Queries and gallery differ in D or K, only one of them knows its products, a
            size is too small, a cutoff is given twice, there is no such protocol, or the device has
            no scores in TF32.

    Example:
        >>> import torch
        >>> classes = torch.eye(2, dtype=torch.bool)
        >>> images = Images(torch.tensor([[1.0], [0.2], [0.9], [0.5]]), classes[[0, 0, 1, 0]],
        ...                 torch.arange(4))
        >>> rows = torch.arange(4)
        >>> results = rank(images.select(rows[:1]), images.select(rows[1:]), top_k=2)
        >>> results.top_index, results.top_relevant
        (tensor([[2, 3]]), tensor([[False, True]]))
        >>> results.terms["map_all"]  # (1/2 + 2/3) / 2
        tensor([0.5833], dtype=torch.float64)
        >>> both = Images(torch.tensor([[1.0]]), torch.tensor([[True, True]]), torch.tensor([9]))
        >>> results = rank(both, images, protocol="multi", top_k=4)
        >>> results.query_class, results.top_relevant  # one ranking, judged for each class
        (tensor([0, 1]), tensor([[ True, False,  True,  True],
                                 [False,  True, False, False]]))
    """
    _check_choices(protocol, cutoffs)
    if min(memory_limit, 1 if block_size is None else block_size) < 1 or top_k < 0:
        raise ValueError(
            f"block_size {block_size} and memory_limit {memory_limit} must be at least 1, "
            f"top_k {top_k} at least 0"
        )
    _check_match(queries, gallery)
    device = gallery.embeddings.device
    on_device = is_available(device)
    if scores == "tf32" and not on_device:
        raise ValueError(f'scores="tf32" needs a CUDA device and Triton, not {device}')
    if on_device and len(queries) and len(gallery):
        ranking = GpuRanking(queries, gallery, protocol, cutoffs, top_k, scores)
        return ranking.rank(block_size or max(_COUNTED_SCORES // len(gallery), 1))
    if (gallery.index.diff() < 0).any():
        gallery = gallery.select(gallery.index.argsort())
    gallery, longest = gallery.scorable()
    queries, _ = queries.scorable()
    on_cpu = device.type == "cpu"
    threads, fitting = _threads_and_block(len(queries), len(gallery), memory_limit)
    if not on_cpu:
        fitting = max(_SORTED_SCORES // max(len(gallery), 1), 1)
    blocks = queries.split(max(ceil(len(queries) / (block_size or fitting)), 1))
    ranked: Iterable[Iterable[QueryResults]]
    if on_cpu and len(gallery):
        fast = CpuRanking(gallery, longest, protocol, cutoffs, top_k)
        ranked = map_in_threads(fast.rank, blocks, threads)
    else:
        wide = gallery.double()
        ranked = (rank_by_definition(block, wide, protocol, cutoffs, top_k) for block in blocks)
    return QueryResults.concatenate([results for own in ranked for results in own])


def _check_choices(protocol: Protocol, cutoffs: Sequence[int]) -> None:
    """Refuse a protocol that does not exist, and cutoffs that name no metric or one twice."""
    if protocol not in get_args(Protocol):
        raise ValueError(f"no protocol {protocol!r}: choose one of {', '.join(get_args(Protocol))}")
    if min(cutoffs, default=1) < 1 or len(set(cutoffs)) < len(cutoffs):
        raise ValueError(f"cutoffs must be at least 1 and differ, not {tuple(cutoffs)}")


def _check_match(queries: Images, gallery: Images) -> None:
    """Refuse images that cannot be compared with one another."""
    for name in ("embeddings", "targets"):
        ours, theirs = getattr(queries, name).shape[1], getattr(gallery, name).shape[1]
        if ours != theirs:
            raise ValueError(f"{name} of the queries have {ours} columns, of the gallery {theirs}")
    if (queries.product is None) != (gallery.product is None):
        raise ValueError("give products of both queries and gallery, or of neither")


def _threads_and_block(num_queries: int, num_gallery: int, memory_limit: int) -> tuple[int, int]:
    """Give the number of threads, and of images that each scores at once; both are at least one.

    Their scores and orders fit into the memory together. Where it is short there are fewer threads,
    rather than blocks of a few images.
    """
    row, orders = _BYTES * max(num_gallery, 1), _SORTED_BYTES * SCORES_AT_ONCE
    threads = min(max(memory_limit // (orders + _FEWEST_IMAGES * row), 1), num_threads())
    fitting = (memory_limit // threads - orders) // row
    fair = max(ceil(num_queries / threads), _FEWEST_IMAGES)
    return threads, min(max(fitting, 1), fair, _MOST_IMAGES)
