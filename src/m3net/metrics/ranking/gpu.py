"""The ranking on a CUDA device: a product, and a kernel that counts instead of sorting.

It gives what `plain` gives. The kernel is written in Triton, which comes with every CUDA build of
PyTorch on Linux.
"""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Literal

import torch
from torch import Tensor

from m3net.metrics.embedded_images import Images
from m3net.metrics.query_results import QueryResults, metric_names
from m3net.metrics.ranking.gpu_labels import own_products, prepare
from m3net.metrics.ranking.reference import evaluate_scores, exact_scores
from m3net.protocol import Protocol

Scores = Literal["exact", "tf32"]

BINS = 4096
"""So many bins take the scores of a row: a few each, in galleries of tens of thousands."""

LONGEST = 64
"""Where more relevant images than these fall into one bin, a row is ranked plainly."""

_MARGIN = 256  # gallery images in one bin with the last of a list
_PROGRAMS_EACH = 16  # for each multiprocessor; more than it runs at once, as rows differ in time
_WARPS = 4
_ALIGNED = 32
_PLACES = 2**31  # that a number of the kernel tells apart
_TILE, _NODES = 1024, 256  # gallery images, and relevant ones, that a program takes at once


def is_available(device: torch.device) -> bool:
    """Say whether images on this device can be ranked by the kernel."""
    return device.type == "cuda" and _has_triton()


def scores_of(queries: Tensor, gallery: Tensor, scores: Scores) -> Tensor:
    """Give the scores of a block: (q, D) float32, (G, D) -> (q, G) float32."""
    if scores == "exact":
        return exact_scores(queries, gallery)
    setting = torch.backends.cuda.matmul
    before, setting.fp32_precision = setting.fp32_precision, "tf32"
    try:
        return queries @ gallery.T
    finally:
        setting.fp32_precision = before


class GpuRanking:
    """Ranks one gallery for the images that ask."""

    def __init__(
        self,
        queries: Images,
        gallery: Images,
        protocol: Protocol,
        cutoffs: Sequence[int],
        top_k: int,
        scores: Scores = "exact",
        programs: int | None = None,
    ) -> None:
        """Prepare labels, and room for results.

        Args:
            queries: Q images, at least one.
            gallery: G images, at least one.
            protocol: What a query is.
            cutoffs: Numbers of ranks that count.
            top_k: How many of the best gallery images to keep for each query.
            scores: How they are computed.
            programs: So many images are judged side by side; None for as many as the device can.

        Raises:
            M3NetError: An embedding is not finite; names the images.
        """
        self.queries, self.gallery, self.labels, self.most = prepare(queries, gallery)
        self.protocol, self.cutoffs, self.top_k, self.scores = protocol, cutoffs, top_k, scores
        device = self.device = gallery.index.device
        self.programs = programs or _num_programs(device)
        self.embeddings = _padded(self.gallery.embeddings, scores)
        self.by_group, self.own = own_products(self.queries, self.gallery)
        self.limits = torch.tensor([len(gallery) + 1, *cutoffs]).to(device, non_blocking=True)
        num_images = len(queries)
        num_queries = len(self.labels.rows) if protocol == "multi" else num_images
        names = metric_names(cutoffs)
        # The kernel writes all of these three, and of lists what there is.
        self.num_relevant = torch.empty(num_queries, dtype=torch.int64, device=device)
        self.terms = torch.empty(len(names), num_queries, dtype=torch.float64, device=device)
        self.skewed = torch.empty(num_images, dtype=torch.int32, device=device)
        self.columns = torch.full((num_images, top_k), -1, dtype=torch.int64, device=device)
        self.top_score = torch.full((num_images, top_k), -torch.inf, device=device)

    def rank(self, block_size: int) -> QueryResults:
        """Rank the gallery for so many images at once, or for as many as the kernel can.

        Returns:
            What became of all queries.
        """
        size = min(block_size, max(_PLACES // len(self.embeddings), 1))
        for first in range(0, len(self.queries), size):
            embeddings = self.queries.embeddings[first : first + size]
            self._judge(scores_of(embeddings, self.embeddings, self.scores), first)
        return self._results()

    def _judge(self, scores: Tensor, first: int) -> None:
        """Judge the queries of some images.

        Args:
            scores: (q, G or more) float32, contiguous; is overwritten.
            first: The first of the q images.
        """
        from m3net.metrics.ranking.gpu_kernels import evaluate_rows

        labels, (num_rows, pitch) = self.labels, scores.shape
        stride = self._stride(len(self.gallery))
        programs = min(self.programs, num_rows)
        scratch = torch.empty(programs, stride, dtype=torch.int32, device=self.device)
        block = slice(first, first + num_rows)
        evaluate_rows[(programs,)](
            scores,
            pitch,
            scratch,
            stride,
            num_rows,
            len(self.gallery),
            *(bound[block] for bound in self.own),
            self.by_group,
            labels.bounds[first:],
            labels.classes,
            labels.class_bounds,
            labels.members,
            self.gallery.targets.contiguous(),
            self.gallery.targets.shape[1],
            self.limits,
            len(self.limits),
            len(self.num_relevant),
            first,
            self.num_relevant,
            self.terms,
            self.columns[block],
            self.top_score[block],
            self.skewed[block],
            self.most,
            MULTI=self.protocol == "multi",
            TOP=self.top_k,
            CANDIDATES=self.top_k + _MARGIN,
            BINS=BINS,
            LONGEST=LONGEST,
            TILE=_TILE,
            NODES=_NODES,
            num_warps=_WARPS,
        )

    def _stride(self, num_gallery: int) -> int:
        words = (num_gallery + 31) // 32
        size = BINS + 2 * (BINS // 32) + 2 * words + self.top_k + _MARGIN + 1
        return (size + 5 * self.most + 31) // 32 * 32

    def _results(self) -> QueryResults:
        """Give what became of all queries."""
        rows: Tensor | slice = slice(None)
        if self.protocol == "multi":
            rows, asked_class = self.labels.rows, self.labels.classes
        else:
            asked_class = torch.full_like(self.queries.index, -1)
        columns, top_score = self.columns[rows], self.top_score[rows]
        top_index, top_relevant = self._listed(columns, asked_class)
        names = metric_names(self.cutoffs)
        results = QueryResults(
            query_index=self.queries.index[rows],
            query_class=asked_class,
            num_relevant=self.num_relevant,
            terms=dict(zip(names, self.terms, strict=True)),
            top_index=top_index,
            top_score=top_score,
            top_relevant=top_relevant,
        )
        return self._with_skewed(results, rows)

    def _listed(self, columns: Tensor, asked_class: Tensor) -> tuple[Tensor, Tensor]:
        """Give indices of listed images, and whether they are relevant: (Q, top_k) each.

        Args:
            columns: (Q, top_k) int64, places in the gallery; -1 where there are no more.
            asked_class: (Q,) int64.
        """
        is_listed = columns >= 0
        if self.top_k == 0:
            return columns, is_listed
        if self.protocol == "multi":
            relevant = self.gallery.targets[columns, asked_class[:, None]]
        else:
            shared = self.gallery.targets[columns] & self.queries.targets[:, None]
            relevant = shared.any(dim=2)
        return self.gallery.index[columns].masked_fill(~is_listed, -1), relevant & is_listed

    def _with_skewed(self, results: QueryResults, rows: Tensor | slice) -> QueryResults:
        """Rank plainly what the kernel left."""
        left = self.skewed.nonzero()[:, 0]
        if len(left) == 0:
            return results
        block = max(2**24 // len(self.gallery), 1)
        parts: list[QueryResults] = []
        for own in torch.split(left, block):
            images = self.queries.select(own)
            scores = scores_of(images.embeddings, self.embeddings, self.scores)
            scores = scores[:, : len(self.gallery)]
            parts += evaluate_scores(
                scores, images, self.gallery, self.protocol, self.cutoffs, self.top_k
            )
        at = self.skewed[rows].nonzero()[:, 0]
        return results.replace(at, QueryResults.concatenate(parts))


@cache
def _has_triton() -> bool:
    """Look for Triton once: each look takes as long as ranking a small gallery."""
    return find_spec("triton") is not None


def _padded(embeddings: Tensor, scores: Scores) -> Tensor:
    """Give the gallery's embeddings as they are multiplied, with rows of 0 behind them.

    Rows of scores that begin at a multiple of 128 bytes are written and read faster.
    """
    size, length = embeddings.shape
    dtype = torch.float64 if scores == "exact" else torch.float32
    padded = embeddings.new_zeros(size + -size % _ALIGNED, length, dtype=dtype)
    padded[:size] = embeddings
    return padded


def _num_programs(device: torch.device) -> int:
    """Give how many programs share the rows of a block."""
    if device.type != "cuda":
        return 2  # the interpreter's
    return _PROGRAMS_EACH * torch.cuda.get_device_properties(device).multi_processor_count
