"""The ranking as it is defined: every score in float64, every gallery sorted whole.

It runs on any device and is what the fast ranking is held to.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from m3net.metrics.embedded_images import Images
from m3net.metrics.functional import (
    average_precision,
    hit_rate,
    precision,
    r_precision,
    recall,
)
from m3net.metrics.query_results import QueryResults
from m3net.protocol import Protocol


def rank_by_definition(
    queries: Images, gallery: Images, protocol: Protocol, cutoffs: Sequence[int], top_k: int
) -> Iterator[QueryResults]:
    """Rank the gallery for a block of images, and judge their queries.

    Args:
        queries: q images with float32 embeddings.
        gallery: G images with embeddings of float32 precision, sorted by index; best in float64,
            which spares each block the conversion.
        protocol: What a query is.
        cutoffs: Numbers of ranks that count.
        top_k: How many of the best gallery images to keep for each query.

    Yields:
        What became of at most q queries at a time.
    """
    scores = exact_scores(queries.embeddings, gallery.embeddings)
    yield from evaluate_scores(scores, queries, gallery, protocol, cutoffs, top_k)


def exact_scores(queries: Tensor, gallery: Tensor) -> Tensor:
    """Give scores as they are defined: (q, D), (G, D) -> (q, G) float32.

    A float32 product depends in its last bits on the shape of the block. In float64 those bits lie
    far below the score's own, so that rounding to float32 gives equal scores for every block.

    Args:
        queries: Embeddings of float32 precision; best in float64, which spares a conversion.
        gallery: The same.
    """
    return (queries.double() @ gallery.double().T).float()


def evaluate_scores(
    scores: Tensor,
    queries: Images,
    gallery: Images,
    protocol: Protocol,
    cutoffs: Sequence[int],
    top_k: int,
) -> Iterator[QueryResults]:
    """Sort the gallery by its scores, and judge the queries of a block of images.

    Args:
        scores: (q, G) float32.
        queries: q images; no embedding is read.
        gallery: G images, sorted by index; no embedding is read.
        protocol: What a query is.
        cutoffs: Numbers of ranks that count.
        top_k: How many of the best gallery images to keep for each query.

    Yields:
        What became of at most q queries at a time.
    """
    scores = scores.masked_fill(queries.group[:, None] == gallery.group, -torch.inf)
    scores, order = scores.sort(dim=1, descending=True, stable=True)
    if protocol == "single":
        # (q, K), (G, K) -> (q, G): the number of classes that both carry
        shared = queries.targets.float() @ gallery.targets.float().T
        no_class = torch.full_like(queries.index, -1)
        asking = (queries.index, no_class)
        yield _judge(*asking, shared > 0, gallery.index, scores, order, cutoffs, top_k)
        return
    rows, classes = queries.targets.nonzero(as_tuple=True)
    # Images that carry many classes must not make the block larger than it was meant to be.
    parts = (torch.split(labels, max(len(queries), 1)) for labels in (rows, classes))
    for own, asked in zip(*parts, strict=True):
        asking = (queries.index[own], asked)
        carries = gallery.targets.T[asked]
        ranking = (scores[own], order[own])
        yield _judge(*asking, carries, gallery.index, *ranking, cutoffs, top_k)


def _judge(
    query_index: Tensor,
    query_class: Tensor,
    relevant: Tensor,
    gallery_index: Tensor,
    scores: Tensor,
    order: Tensor,
    cutoffs: Sequence[int],
    top_k: int,
) -> QueryResults:
    """Say how well queries ranked a gallery.

    Args:
        query_index: (q,) int64.
        query_class: (q,) int64.
        relevant: (q, G) bool, in the order of the gallery.
        gallery_index: (G,) int64.
        scores: (q, G) float32 from the best on; -inf is an image of the query's own product.
        order: (q, G) int64, the place in the gallery of each score.
        cutoffs: Numbers of ranks that count.
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
        terms=_terms(ranked, num_relevant, cutoffs),
        top_index=pad(top_index, missing, value=-1),
        top_score=pad(top_score, missing, value=-torch.inf),
        top_relevant=pad(ranked[:, :top_k], missing, value=False),
    )


def _terms(ranked: Tensor, num_relevant: Tensor, cutoffs: Sequence[int]) -> dict[str, Tensor]:
    """Give each query's values by the names of their metrics, in the order of `metric_names`."""
    terms = {
        "map_all": average_precision(ranked, num_relevant),
        "r_precision": r_precision(ranked, num_relevant),
    }
    for k in cutoffs:
        terms |= {
            f"map_{k}": average_precision(ranked, num_relevant, k=k, by="hits"),
            f"map_{k}_by_min": average_precision(ranked, num_relevant, k=k, by="min"),
            f"recall_{k}": recall(ranked, num_relevant, k=k),
            f"hit_rate_{k}": hit_rate(ranked, k),
            f"precision_{k}": precision(ranked, k),
        }
    return terms
