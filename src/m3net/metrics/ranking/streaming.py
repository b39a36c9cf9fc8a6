"""The ranking of a gallery too large to be held, which passes in blocks.

Scores are those of `plain`, to the bit: what a score is does not depend on the block.
"""

from collections.abc import Callable, Iterable, Sequence
from math import ceil

import torch
from torch import Tensor

from m3net.metrics.embedded_images import Images
from m3net.metrics.query_results import QueryResults
from m3net.metrics.ranking.reference import evaluate_scores, exact_scores
from m3net.protocol import Protocol

# Of an embedding's number in a block, which is needed in float64 as well; of a score; of a score
# that is being sorted and judged.
_NUMBER_BYTES, _SCORE_BYTES, _JUDGED_BYTES = 12, 4, 64

Blocks = Callable[[int], Iterable[tuple[Tensor, Tensor]]]


def rank_streamed(
    queries: Images,
    gallery: Images,
    blocks: Blocks,
    *,
    most_queries: int,
    protocol: Protocol,
    cutoffs: Sequence[int],
    top_k: int,
    memory_limit: int,
    gallery_limit: int,
) -> QueryResults:
    """Rank a gallery that passes once for each block of queries.

    Args:
        queries: The images that ask, with float32 embeddings.
        gallery: G images, sorted by index; their embeddings are not read.
        blocks: Passes the gallery once, at most so many images at a time: (n,) int64, their
            columns, and (n, D) float32, their embeddings. All processes must take all blocks.
        most_queries: The most images that ask in any process, so that all pass equally often.
        protocol: What a query is.
        cutoffs: Numbers of ranks that count.
        top_k: How many of the best gallery images to keep for each query.
        memory_limit: Bytes for the scores of a block of queries and what is made of them.
        gallery_limit: Bytes for a block of the gallery.
    """
    length, num_gallery = queries.embeddings.shape[1], max(len(gallery), 1)
    passing = min(max(gallery_limit // (_NUMBER_BYTES * max(length, 1)), 1), num_gallery)
    row = _SCORE_BYTES * num_gallery + 8 * (passing + length)
    asking = max(memory_limit // 2 // row, 1)
    judged = max(memory_limit // 2 // (_JUDGED_BYTES * num_gallery), 1)
    results: list[QueryResults] = []
    for own in queries.split(max(ceil(most_queries / asking), 1)):
        scores = own.embeddings.new_empty(len(own), len(gallery), dtype=torch.float32)
        wide = own.embeddings.double()
        for columns, embeddings in blocks(passing):
            scores[:, columns] = exact_scores(wide, embeddings)
        parts = max(ceil(len(own) / judged), 1)
        for part, part_scores in zip(own.split(parts), scores.tensor_split(parts), strict=True):
            results += evaluate_scores(part_scores, part, gallery, protocol, cutoffs, top_k)
    return QueryResults.concatenate(results)
