"""Embeddings to rankings: each image ranks the gallery of one attribute, block by block."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor
from torch.nn.functional import pad

from m3net.errors import M3NetError
from m3net.metrics.functional import average_precision, recall
from m3net.metrics.results import QueryResults
from m3net.protocol import Protocol


@dataclass(frozen=True)
class Images:
    """What the ranking knows of n images, for one attribute with K classes.

    Attributes:
        embeddings: (n, D) float; an inner product is a score, higher is closer.
        targets: (n, K) bool, True where an image carries a class.
        index: (n,) int64, the image's place in its split; no two rows share one.
    """

    embeddings: Tensor
    targets: Tensor
    index: Tensor

    def __len__(self) -> int:
        """Give the number of images n."""
        return len(self.index)

    def select(self, rows: Tensor) -> "Images":
        """Give some of the images: `rows` is a bool mask (n,), or int64 row numbers."""
        return Images(self.embeddings[rows], self.targets[rows], self.index[rows])


def rank(
    queries: Images,
    gallery: Images,
    *,
    protocol: Protocol = "single",
    block_size: int = 256,
    top_k: int = 100,
) -> QueryResults:
    """Rank the gallery for each image that asks and say how well.

    The gallery is ranked by inner product. Under "single" each image is a query, and a gallery
    image is relevant if it shares at least one class with it. Under "multi" an image is a query
    for each class that it carries, in the order of the classes, and a gallery image is relevant
    if it carries that class; the ranking is the same for all of them.

    An image that is both query and gallery is left out of its own ranking. Of equal scores the
    smaller gallery index comes first, so neither the order of the rows nor the block size can
    change a ranking. Embeddings are taken as float32, whatever they come in.

    Args:
        queries: The images that ask; Q of them under "single".
        gallery: G images, with embeddings of the same length and the same classes.
        protocol: What a query is.
        block_size: How many images are scored, and then how many of their queries are judged, at
            once. Memory grows with block_size * G.
        top_k: How many of the best gallery images to keep for each query.

    Raises:
        M3NetError: An embedding is not finite; names the images.
        ValueError: Queries and gallery differ in D or K, a size is less than 1, or there is no
            such protocol.

    Example:
        >>> classes = torch.eye(2, dtype=torch.bool)
        >>> images = Images(torch.tensor([[1.0], [0.2], [0.9], [0.5]]), classes[[0, 0, 1, 0]],
        ...                 torch.arange(4))
        >>> rows = torch.arange(4)
        >>> results = rank(images.select(rows[:1]), images.select(rows[1:]), top_k=2)
        >>> results.top_index, results.top_relevant
        (tensor([[2, 3]]), tensor([[False, True]]))
        >>> results.average_precision  # (1/2 + 2/3) / 2
        tensor([0.5833], dtype=torch.float64)
        >>> both = Images(torch.tensor([[1.0]]), torch.tensor([[True, True]]), torch.tensor([9]))
        >>> results = rank(both, images, protocol="multi", top_k=4)
        >>> results.query_class, results.top_relevant  # one ranking, judged for each class
        (tensor([0, 1]), tensor([[ True, False,  True,  True],
                                 [False,  True, False, False]]))
    """
    if protocol not in get_args(Protocol):
        raise ValueError(f"no protocol {protocol!r}: choose one of {', '.join(get_args(Protocol))}")
    if block_size < 1 or top_k < 1:
        raise ValueError(f"block_size {block_size} and top_k {top_k} must be at least 1")
    for name in ("embeddings", "targets"):
        ours, theirs = getattr(queries, name).shape[1], getattr(gallery, name).shape[1]
        if ours != theirs:
            raise ValueError(f"{name} of the queries have {ours} columns, of the gallery {theirs}")
    gallery = _scorable(gallery.select(gallery.index.argsort()))
    queries = _scorable(queries)
    blocks = torch.split(torch.arange(len(queries), device=queries.index.device), block_size)
    return QueryResults.concatenate(
        [
            results
            for block in blocks
            for results in _rank_block(queries.select(block), gallery, protocol, block_size, top_k)
        ]
    )


def _scorable(images: Images) -> Images:
    """Give the images with embeddings of float32 precision that cannot overflow, in float64.

    A float32 product depends in its last bits on the shape of the block, which would break ties
    differently for each block size. In float64 those bits lie far below the score's own.
    """
    embeddings = images.embeddings.float()
    # Finite squared lengths are more than finite embeddings: they bound every inner product.
    bad = images.index[~embeddings.square().sum(dim=1).isfinite()].tolist()
    if bad:
        more = f" and {len(bad) - 10} more" if len(bad) > 10 else ""
        raise M3NetError(
            f"embeddings of images {', '.join(map(str, bad[:10]))}{more} are not finite. "
            "The network diverged: lower the learning rate or train in 32 bits."
        )
    return Images(embeddings.double(), images.targets, images.index)


def _rank_block(
    queries: Images, gallery: Images, protocol: Protocol, block_size: int, top_k: int
) -> Iterator[QueryResults]:
    """Rank the gallery, sorted by index, for one block of images, and judge their queries."""
    # (q, D), (G, D) -> (q, G)
    scores = (queries.embeddings @ gallery.embeddings.T).float()
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
    parts = (torch.split(labels, block_size) for labels in (rows, classes))
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
