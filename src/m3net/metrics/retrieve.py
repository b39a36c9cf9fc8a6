"""Retrieval in one call, for embeddings of any model, as numpy arrays or torch tensors."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from m3net.metrics.columns import Array, Columns, check_match, read_columns
from m3net.metrics.embedded_images import Images
from m3net.metrics.query_results import CUTOFFS, QueryResults
from m3net.metrics.ranking import MEMORY_LIMIT, rank
from m3net.protocol import Protocol


def retrieve(
    queries: Array,
    query_labels: Array,
    gallery: Array,
    gallery_labels: Array,
    *,
    query_ids: Array | None = None,
    gallery_ids: Array | None = None,
    query_products: Array | None = None,
    gallery_products: Array | None = None,
    protocol: Protocol = "single",
    cutoffs: Sequence[int] = CUTOFFS,
    top_k: int = 0,
    block_size: int | None = None,
    memory_limit: int = MEMORY_LIMIT,
) -> QueryResults:
    """Rank a gallery for each query, and say how well; `rank` says by what rules.

    All is computed on the device of `gallery`.

    Args:
        queries: (Q, D) float; an inner product is a score, higher is closer.
        query_labels: (Q,) integers, the class of each query, of which K different ones take G * K
            bytes; or (Q, K) bool, True where it carries a class.
        gallery: (G, D) float.
        gallery_labels: (G,) or (G, K), as those of the queries.
        query_ids: (Q,) integers that tell images apart.
        gallery_ids: (G,) integers, each another one. Of equal scores the smaller id comes first.
            An image is left out of its own ranking where ids of both sides are given; else queries
            and gallery are different images, and ids are row numbers.
        query_products: (Q,) integers, the product that an image shows: images of one product are
            not in each other's ranking.
        gallery_products: (G,) integers, given where those of the queries are.
        protocol: Whether a query is an image ("single") or an image and one of its classes
            ("multi").
        cutoffs: Numbers of ranks k of the metrics that count only the first ones.
        top_k: How many of the best gallery images to keep for each query; 0 keeps no lists.
        block_size: How many images are scored at once; see `rank`.
        memory_limit: Bytes that scores and orders of a block may take; see `rank`.

    Returns:
        Results that hold ids: `query_index` and `top_index`. `query_class` under "multi" is the
        integer of the labels, or the column of bool labels.

    Raises:
        M3NetError: An embedding is not finite; names the images.
        ValueError: An argument has another form, or two of them do not match.

    Example:
        >>> import numpy as np
        >>> line = np.array([[1.0], [0.2], [0.9], [0.5]])
        >>> labels = np.array([7, 7, 3, 7])
        >>> results = retrieve(line[:1], labels[:1], line[1:], labels[1:], cutoffs=[1], top_k=2)
        >>> results.top_index  # of row 0, 1 and 2 in the gallery the middle one is closest
        tensor([[1, 2]])
        >>> results.means()["map_all"].item()  # the others are relevant: (1/2 + 2/3) / 2
        0.5833333333333333
        >>> several = torch.tensor([[True, False], [True, True], [False, True]])
        >>> images, ids = torch.tensor([[1.0], [0.2], [0.9]]), torch.tensor([10, 20, 30])
        >>> results = retrieve(images, several, images, several, query_ids=ids, gallery_ids=ids,
        ...                    protocol="multi", top_k=1)
        >>> results.query_index, results.query_class
        (tensor([10, 20, 20, 30]), tensor([0, 0, 1, 1]))
        >>> results.top_index.flatten(), results.top_relevant.flatten()  # no image finds itself
        (tensor([30, 10, 10, 10]), tensor([False,  True, False, False]))
    """
    device = gallery.device if isinstance(gallery, Tensor) else torch.device("cpu")
    device = torch.device("cpu") if device.type == "mps" else device  # which knows no float64
    asked_with = (queries, query_labels, query_ids, query_products)
    listed_with = (gallery, gallery_labels, gallery_ids, gallery_products)
    asking = read_columns("query", *asked_with, device)
    listed = read_columns("gallery", *listed_with, device)
    check_match(asking, listed)
    *targets, classes = _targets(asking.labels, listed.labels)
    sides = zip((asking, listed), targets, _products(asking, listed), strict=True)
    images = [Images(own.embeddings, carried, own.index, shown) for own, carried, shown in sides]
    results = rank(
        *images,
        protocol=protocol,
        cutoffs=cutoffs,
        top_k=top_k,
        block_size=block_size,
        memory_limit=memory_limit,
    )
    if protocol == "multi":
        return replace(results, query_class=classes[results.query_class])
    return results


def _targets(asked: Tensor, carried: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Give the classes of both sides, and what the user calls each class.

    Args:
        asked: (Q,) int64 or (Q, K) bool.
        carried: (G,) int64 or (G, K) bool.

    Returns:
        (Q, K) bool, (G, K) bool, (K,) int64.
    """
    if asked.dim() == 2:
        return asked, carried, torch.arange(asked.shape[1], device=asked.device)
    # What no query asks for is never relevant; where there is no query, any class will do.
    classes = torch.unique(asked) if len(asked) else asked.new_zeros(1)
    return asked[:, None] == classes, carried[:, None] == classes, classes


def _products(queries: Columns, gallery: Columns) -> tuple[Tensor | None, Tensor | None]:
    """Give what keeps images out of each other's ranking; None where it is their ids."""
    if queries.products is not None or (queries.ids is not None and gallery.ids is not None):
        return queries.products, gallery.products
    total = len(queries.embeddings) + len(gallery.embeddings)
    # No image stands on both sides: each is a product of its own.
    rows = torch.arange(total, device=gallery.embeddings.device)
    return rows[len(gallery.embeddings) :], rows[: len(gallery.embeddings)]
