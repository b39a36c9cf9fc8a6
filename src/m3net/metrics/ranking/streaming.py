"""Ranking of a gallery that is too large to hold, and streams by in blocks.

Scores are bit-identical to those of `reference`, whatever the blocks.
"""

from collections.abc import Callable, Iterable
from math import ceil

import torch
from torch import Tensor

from m3net.metrics.embedded_images import Images
from m3net.metrics.query_results import Criteria, QueryResults
from m3net.metrics.ranking.reference import evaluate_scores, exact_scores

_NUMBER_BYTES = 12  # of a number in a block of embeddings: float32 and float64
_SCORE_BYTES = 4
_SORTED_BYTES = 64  # of a score while it is sorted and evaluated

Blocks = Callable[[int], Iterable[tuple[Tensor, Tensor]]]


def rank_streamed(
    queries: Images,
    gallery: Images,
    blocks: Blocks,
    criteria: Criteria,
    *,
    max_queries: int,
    memory_limit: int,
    gallery_limit: int,
) -> QueryResults:
    """Rank a gallery that streams by once for each block of queries.

    Args:
        queries: Query images with float32 embeddings.
        gallery: G images, sorted by index; their embeddings are not read.
        blocks: Streams the gallery once, in blocks of at most this size: (n,) int64, gallery rows,
            and (n, D) float32, their embeddings. All processes must consume all blocks.
        criteria: How to evaluate the queries.
        max_queries: The most query images of any process, so that all stream equally often.
        memory_limit: Bytes for the scores of a block of queries and their evaluation.
        gallery_limit: Bytes for a block of the gallery.
    """
    length, num_gallery = queries.embeddings.shape[1], max(len(gallery), 1)
    block_size = min(max(gallery_limit // (_NUMBER_BYTES * max(length, 1)), 1), num_gallery)
    query_bytes = _SCORE_BYTES * num_gallery + 8 * (block_size + length)
    num_scored = max(memory_limit // 2 // query_bytes, 1)
    num_evaluated = max(memory_limit // 2 // (_SORTED_BYTES * num_gallery), 1)
    results: list[QueryResults] = []
    for scored in queries.split(max(ceil(max_queries / num_scored), 1)):
        scores = scored.embeddings.new_empty(len(scored), len(gallery), dtype=torch.float32)
        wide = scored.embeddings.double()
        for columns, embeddings in blocks(block_size):
            scores[:, columns] = exact_scores(wide, embeddings)
        parts = max(ceil(len(scored) / num_evaluated), 1)
        for part, part_scores in zip(scored.split(parts), scores.tensor_split(parts), strict=True):
            results.append(evaluate_scores(part_scores, part, gallery, criteria))
    return QueryResults.concatenate(results)
