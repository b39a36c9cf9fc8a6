"""Rank the gallery of one attribute for each query, on whatever device it lies."""

from collections.abc import Sequence
from math import ceil

from m3net.base.protocol import Protocol
from m3net.metrics.embedded_images import Images
from m3net.metrics.query_results import CUTOFFS, Criteria, QueryResults
from m3net.metrics.ranking.cpu import rank_on_cpu
from m3net.metrics.ranking.gpu import GpuRanking, Scores, is_available
from m3net.metrics.ranking.reference import rank_by_definition

MEMORY_LIMIT = 2**27
_SORTED_SCORES, _COUNTED_SCORES = 2**24, 2**26
"""Scores that other devices than the CPU sort or count at once: fewer would leave them idle.

Sorts take about 0.7 GiB, counts of exact scores 0.9 GiB.
"""


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
    """Rank the gallery for each query, and score the rankings.

    The gallery is ranked by inner product. Under "single" each query image is one query, and a
    gallery image is relevant if the two share a class. Under "multi" each class of a query image is
    one query, in the order of the classes, and a gallery image is relevant if it has that class;
    all queries of an image share one ranking.

    An image is excluded from its own ranking, and so are all images of its product if products are
    known. Ties are broken by the smaller gallery index, so neither the order of rows nor the block
    size changes a ranking. Embeddings are converted to float32; a score is their exact inner
    product, rounded to float32.

    Args:
        queries: Query images; Q of them under "single".
        gallery: G images, with embeddings of the same length and the same classes.
        protocol: What a query is.
        cutoffs: Numbers of ranks k, for MAP@k, recall@k and so on.
        top_k: How many of the best gallery images to keep for each query.
        block_size: How many images to score at once. Memory grows with block_size * G. None scores
            as many as `memory_limit` allows.
        memory_limit: Bytes for the scores and orders of a block, on the CPU; other devices take up
            to 0.9 GiB. Nearly equal embeddings need a float64 copy of the gallery as well.
        scores: "exact", or on a CUDA device "tf32": scores from a product in TF32. This is faster,
            but rounds factors to 10 bits, so images whose scores differ by less than about a
            thousandth may be swapped, and the block size changes the last bits of scores.

    Raises:
        M3NetError: An embedding is not finite; names the images.
        ValueError: Queries and gallery differ in D or K, or only one has products; a cutoff or
            top_k is no integer, a size or cutoff is too small, a cutoff is repeated, the protocol
            is unknown, or the device cannot compute in TF32.

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
        >>> results.query_class, results.top_relevant  # one ranking, two queries
        (tensor([0, 1]), tensor([[ True, False,  True,  True],
                                 [False,  True, False, False]]))
    """
    criteria = Criteria(protocol, cutoffs, top_k)
    if min(memory_limit, 1 if block_size is None else block_size) < 1:
        raise ValueError(
            f"block_size {block_size} and memory_limit {memory_limit} must be at least 1"
        )
    _check_match(queries, gallery)
    device = gallery.embeddings.device
    has_kernel = is_available(device)
    if scores == "tf32" and not has_kernel:
        raise ValueError(f'scores="tf32" needs a CUDA device and Triton, not {device}')
    if has_kernel and len(queries) and len(gallery):
        ranking = GpuRanking(queries, gallery, criteria, scores)
        return ranking.rank(block_size or max(_COUNTED_SCORES // len(gallery), 1))
    if (gallery.index.diff() < 0).any():
        gallery = gallery.select(gallery.index.argsort())
    gallery, queries = gallery.scorable(), queries.scorable()
    if device.type == "cpu" and len(gallery):
        return rank_on_cpu(queries, gallery, criteria, block_size, memory_limit)
    gallery = gallery.double()
    size = block_size or max(_SORTED_SCORES // max(len(gallery), 1), 1)
    blocks = queries.split(max(ceil(len(queries) / size), 1))
    results = [rank_by_definition(block, gallery, criteria) for block in blocks]
    return QueryResults.concatenate(results)


def _check_match(queries: Images, gallery: Images) -> None:
    """Check that the images can be compared with each other."""
    for name in ("embeddings", "targets"):
        ours, theirs = getattr(queries, name).shape[1], getattr(gallery, name).shape[1]
        if ours != theirs:
            raise ValueError(f"{name} of the queries have {ours} columns, of the gallery {theirs}")
    if (queries.product is None) != (gallery.product is None):
        raise ValueError("pass products of both queries and gallery, or of neither")
