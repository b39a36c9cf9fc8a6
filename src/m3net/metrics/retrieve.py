"""Retrieval in one call, for embeddings of any model as numpy arrays or torch tensors."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from m3net.base.protocol import Protocol
from m3net.metrics.embedded_images import Images
from m3net.metrics.query_results import CUTOFFS, QueryResults
from m3net.metrics.ranking import MEMORY_LIMIT, rank
from m3net.metrics.retrieve_inputs import Array, Inputs, check_match


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
    """Rank a gallery for each query, and score the rankings; see `rank` for the rules.

    The device of `gallery` computes everything.

    Args:
        queries: (Q, D) float; an inner product is a score, higher is closer.
        query_labels: (Q,) integers, the class of each query; or (Q, K) bool, True where a query has
            a class. K different integers take G * K bytes.
        gallery: (G, D) float.
        gallery_labels: (G,) or (G, K), like the labels of the queries.
        query_ids: (Q,) integers that identify images.
        gallery_ids: (G,) integers, all different. Ties are broken by the smaller id. With ids of
            both sides, an image is excluded from its own ranking; otherwise queries and gallery are
            different images, and ids are row numbers.
        query_products: (Q,) integers, the product that an image shows: images of one product are
            excluded from each other's rankings.
        gallery_products: (G,) integers, required with `query_products`.
        protocol: Whether a query is an image ("single"), or an image and one of its classes
            ("multi").
        cutoffs: Numbers of ranks k, for MAP@k, recall@k and so on.
        top_k: How many of the best gallery images to keep for each query.
        block_size: How many images to score at once; see `rank`.
        memory_limit: Bytes for the scores and orders of a block; see `rank`.

    Returns:
        Results whose `query_index` and `top_index` are ids. Under "multi", `query_class` is the
        integer label, or the column of bool labels.

    Raises:
        M3NetError: An embedding is not finite; names the images.
        ValueError: An argument has another shape or dtype, or two of them do not match.

    Example:
        >>> import numpy as np
        >>> line = np.array([[1.0], [0.2], [0.9], [0.5]])
        >>> labels = np.array([7, 7, 3, 7])
        >>> results = retrieve(line[:1], labels[:1], line[1:], labels[1:], cutoffs=[1], top_k=2)
        >>> results.top_index  # gallery row 1 is closest, but has another class
        tensor([[1, 2]])
        >>> results.means()["map_all"].item()  # (1/2 + 2/3) / 2
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
    device = torch.device("cpu") if device.type == "mps" else device  # MPS has no float64
    query_side = Inputs.read("query", queries, query_labels, query_ids, query_products, device)
    gallery_side = Inputs.read(
        "gallery", gallery, gallery_labels, gallery_ids, gallery_products, device
    )
    check_match(query_side, gallery_side)
    *targets, classes = _targets(query_side.labels, gallery_side.labels)
    products = _products(query_side, gallery_side)
    results = rank(
        Images(query_side.embeddings, targets[0], query_side.index, products[0]),
        Images(gallery_side.embeddings, targets[1], gallery_side.index, products[1]),
        protocol=protocol,
        cutoffs=cutoffs,
        top_k=top_k,
        block_size=block_size,
        memory_limit=memory_limit,
    )
    if protocol == "multi":
        return replace(results, query_class=classes[results.query_class])
    return results


def _targets(query_labels: Tensor, gallery_labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the targets of both sides, (Q, K) and (G, K) bool, and the label of each class."""
    if query_labels.dim() == 2:
        columns = torch.arange(query_labels.shape[1], device=query_labels.device)
        return query_labels, gallery_labels, columns
    # Only classes of queries can be relevant. Without queries, any class will do.
    classes = torch.unique(query_labels) if len(query_labels) else query_labels.new_zeros(1)
    return query_labels[:, None] == classes, gallery_labels[:, None] == classes, classes


def _products(queries: Inputs, gallery: Inputs) -> tuple[Tensor | None, Tensor | None]:
    """Return the products of both sides, or None where ids take their part."""
    if queries.products is not None or (queries.ids is not None and gallery.ids is not None):
        return queries.products, gallery.products
    num_gallery = len(gallery.embeddings)
    total = num_gallery + len(queries.embeddings)
    # No image is on both sides, so each shows a product of its own.
    rows = torch.arange(total, device=gallery.embeddings.device)
    return rows[num_gallery:], rows[:num_gallery]
