"""The ranking as it is defined: every score in float64, every gallery sorted whole.

It runs on any device and is what the fast ranking is held to.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import pad

from m3net.metrics.functional import average_precision, recall
from m3net.metrics.images import Images
from m3net.metrics.results import QueryResults
from m3net.protocol import Protocol


def rank_plainly(
    queries: Images, gallery: Images, protocol: Protocol, top_k: int
) -> Iterator[QueryResults]:
    """Rank the gallery for a block of images, and judge their queries.

    A float32 product depends in its last bits on the shape of the block. In float64 those bits lie
    far below the score's own, so that rounding to float32 gives equal scores for every block.

    Args:
        queries: q images with float32 embeddings.
        gallery: G images with embeddings of float32 precision, sorted by index; best in float64,
            which spares each block the conversion.
        protocol: What a query is.
        top_k: How many of the best gallery images to keep for each query.

    Yields:
        What became of at most q queries at a time.
    """
    # (q, D), (G, D) -> (q, G)
    scores = (queries.embeddings.double() @ gallery.embeddings.double().T).float()
    scores = scores.masked_fill(queries.index[:, None] == gallery.index, -torch.inf)
    scores, order = scores.sort(dim=1, descending=True, stable=True)
    if protocol == "single":
        # (q, K), (G, K) -> (q, G): the number of classes that both carry
        shared = queries.targets.float() @ gallery.targets.float().T
        no_class = torch.full_like(queries.index, -1)
        yield _judge(queries.index, no_class, shared > 0, gallery.index, scores, order, top_k)
        return
    rows, classes = queries.targets.nonzero(as_tuple=True)
    # Images that carry many classes must not make the block larger than it was meant to be.
    parts = (torch.split(labels, max(len(queries), 1)) for labels in (rows, classes))
    for own, asked in zip(*parts, strict=True):
        carries = gallery.targets.T[asked]
        yield _judge(
            queries.index[own], asked, carries, gallery.index, scores[own], order[own], top_k
        )


def _judge(
    query_index: Tensor,
    query_class: Tensor,
    relevant: Tensor,
    gallery_index: Tensor,
    scores: Tensor,
    order: Tensor,
    top_k: int,
) -> QueryResults:
    """Say how well queries ranked a gallery.

    Args:
        query_index: (q,) int64.
        query_class: (q,) int64.
        relevant: (q, G) bool, in the order of the gallery.
        gallery_index: (G,) int64.
        scores: (q, G) float32 from the best on; -inf is the query itself.
        order: (q, G) int64, the place in the gallery of each score.
        top_k: How many of the best gallery images to keep.
    """
    ranked = relevant.gather(1, order) & (scores != -torch.inf)
    num_relevant = ranked.sum(dim=1)
    top_score = scores[:, :top_k]
    top_index = gallery_index[order[:, :top_k]].masked_fill(top_score == -torch.inf, -1)
    missing = (0, top_k - top_index.shape[1])
    return QueryResults(
        query_index=query_index,
        query_class=query_class,
        num_relevant=num_relevant,
        average_precision=average_precision(ranked, num_relevant),
        average_precision_100=average_precision(ranked, num_relevant, k=100, by="hits"),
        average_precision_100_by_min=average_precision(ranked, num_relevant, k=100, by="min"),
        recall_100=recall(ranked, num_relevant, k=100),
        top_index=pad(top_index, missing, value=-1),
        top_score=pad(top_score, missing, value=-torch.inf),
        top_relevant=pad(ranked[:, :top_k], missing, value=False),
    )
