"""The ranking on a CUDA device: a product, and a kernel that counts instead of sorting.

Results are those of `reference`. The kernel needs Triton, which every CUDA build of PyTorch on
Linux includes.
"""

from functools import cache
from importlib.util import find_spec
from typing import Literal

import torch
from torch import Tensor

from m3net.metrics.embedded_images import Images
from m3net.metrics.query_results import Criteria, QueryResults, metric_names
from m3net.metrics.ranking.gpu_labels import group_bounds, prepare
from m3net.metrics.ranking.reference import evaluate_scores, exact_scores

Scores = Literal["exact", "tf32"]

BINS = 4096
"""Bins for the scores of a row; each takes a few, in galleries of tens of thousands."""

LONGEST = 64
"""The most relevant images in a bin; a row with more is ranked by definition."""

_MARGIN = 256  # gallery images in the bin of the last one in a list
_PROGRAMS_EACH = 16  # per multiprocessor; more than it runs at once, because rows differ in time
_WARPS = 4
_ALIGNED = 32
_MAX_SCORES = 2**31  # in a block: the kernel's int32 offsets reach no further
_TILE, _NODES = 1024, 256  # gallery images, and relevant ones, that a program processes at once


def is_available(device: torch.device) -> bool:
    """Return whether the kernel can rank images on this device."""
    return device.type == "cuda" and _has_triton()


def scores_of(queries: Tensor, gallery: Tensor, scores: Scores) -> Tensor:
    """Return the scores of a block: (q, D) float32, (G, D) -> (q, G) float32."""
    if scores == "exact":
        return exact_scores(queries, gallery)
    setting = torch.backends.cuda.matmul
    before, setting.fp32_precision = setting.fp32_precision, "tf32"
    try:
        return queries @ gallery.T
    finally:
        setting.fp32_precision = before


class GpuRanking:
    """Ranks one gallery for some query images."""

    def __init__(
        self,
        queries: Images,
        gallery: Images,
        criteria: Criteria,
        scores: Scores = "exact",
        programs: int | None = None,
    ) -> None:
        """Prepare labels, and allocate the results.

        Args:
            queries: Q query images, at least one.
            gallery: G images, at least one.
            criteria: How to evaluate the queries.
            scores: How to compute scores.
            programs: How many images to evaluate in parallel; None fills the device.

        Raises:
            M3NetError: An embedding is not finite; names the images.
        """
        self.queries, self.gallery, self.labels, self.num_nodes = prepare(queries, gallery)
        self.criteria, self.scores = criteria, scores
        device = self.device = gallery.index.device
        self.programs = programs or _num_programs(device)
        self.embeddings = _padded(self.gallery.embeddings, scores)
        self.by_group, self.bounds = group_bounds(self.queries, self.gallery)
        limits = torch.tensor([len(gallery) + 1, *criteria.cutoffs])
        self.limits = limits.to(device, non_blocking=True)
        num_images = len(queries)
        num_queries = len(self.labels.rows) if criteria.protocol == "multi" else num_images
        self.names = metric_names(criteria.cutoffs)
        # The kernel writes all elements of these three, and as much of the lists as there is.
        self.num_relevant = torch.empty(num_queries, dtype=torch.int64, device=device)
        self.terms = torch.empty(len(self.names), num_queries, dtype=torch.float64, device=device)
        self.skewed = torch.empty(num_images, dtype=torch.int32, device=device)
        shape = (num_images, criteria.top_k)
        self.columns = torch.full(shape, -1, dtype=torch.int64, device=device)
        self.top_score = torch.full(shape, -torch.inf, device=device)

    def rank(self, block_size: int) -> QueryResults:
        """Rank the gallery for all queries, in blocks of at most this many images."""
        size = min(block_size, max(_MAX_SCORES // len(self.embeddings), 1))
        for first in range(0, len(self.queries), size):
            embeddings = self.queries.embeddings[first : first + size]
            self._evaluate(scores_of(embeddings, self.embeddings, self.scores), first)
        return self._results()

    def _evaluate(self, scores: Tensor, first: int) -> None:
        """Evaluate the queries of images first .. first + q - 1.

        Their scores are (q, G or more) float32, contiguous, and are overwritten.
        """
        from m3net.metrics.ranking.gpu_kernels import evaluate_rows

        labels, (num_rows, pitch) = self.labels, scores.shape
        stride = self._stride()
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
            *(bound[block] for bound in self.bounds),
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
            self.num_nodes,
            MULTI=self.criteria.protocol == "multi",
            TOP=self.criteria.top_k,
            CANDIDATES=self.criteria.top_k + _MARGIN,
            BINS=BINS,
            LONGEST=LONGEST,
            TILE=_TILE,
            NODES=_NODES,
            num_warps=_WARPS,
        )

    def _stride(self) -> int:
        """Return how many int32 of scratch memory a program needs, rounded up to 128 bytes."""
        words = (len(self.gallery) + 31) // 32
        size = BINS + 2 * (BINS // 32) + 2 * words + self.criteria.top_k + _MARGIN + 1
        return (size + 5 * self.num_nodes + 31) // 32 * 32

    def _results(self) -> QueryResults:
        """Return the results of all queries."""
        rows: Tensor | slice = slice(None)
        if self.criteria.protocol == "multi":
            rows, query_class = self.labels.rows, self.labels.classes
        else:
            query_class = torch.full_like(self.queries.index, -1)
        top_index, top_relevant = self._listed(self.columns[rows], query_class)
        results = QueryResults(
            query_index=self.queries.index[rows],
            query_class=query_class,
            num_relevant=self.num_relevant,
            terms=dict(zip(self.names, self.terms, strict=True)),
            top_index=top_index,
            top_score=self.top_score[rows],
            top_relevant=top_relevant,
        )
        return self._replace_skewed(results, rows)

    def _listed(self, columns: Tensor, query_class: Tensor) -> tuple[Tensor, Tensor]:
        """Return the indices of listed images, and whether they are relevant: (Q, top_k) each."""
        is_listed = columns >= 0
        if self.criteria.top_k == 0:
            return columns, is_listed
        if self.criteria.protocol == "multi":
            relevant = self.gallery.targets[columns, query_class[:, None]]
        else:
            shared = self.gallery.targets[columns] & self.queries.targets[:, None]
            relevant = shared.any(dim=2)
        return self.gallery.index[columns].masked_fill(~is_listed, -1), relevant & is_listed

    def _replace_skewed(self, results: QueryResults, rows: Tensor | slice) -> QueryResults:
        """Rank by definition the images that the kernel skipped."""
        skewed = self.skewed.nonzero()[:, 0]
        if len(skewed) == 0:
            return results
        block_size = max(2**24 // len(self.gallery), 1)
        parts: list[QueryResults] = []
        for block in torch.split(skewed, block_size):
            images = self.queries.select(block)
            scores = scores_of(images.embeddings, self.embeddings, self.scores)
            scores = scores[:, : len(self.gallery)]
            parts.append(evaluate_scores(scores, images, self.gallery, self.criteria))
        replaced = self.skewed[rows].nonzero()[:, 0]
        return results.replace(replaced, QueryResults.concatenate(parts))


@cache
def _has_triton() -> bool:
    """Look for Triton once: it takes as long as ranking a small gallery."""
    return find_spec("triton") is not None


def _padded(embeddings: Tensor, scores: Scores) -> Tensor:
    """Return the gallery's embeddings in the dtype of the product, padded with rows of 0.

    Then rows of scores start at multiples of 128 bytes, and are written and read faster.
    """
    size, length = embeddings.shape
    dtype = torch.float64 if scores == "exact" else torch.float32
    padded = embeddings.new_zeros(size + -size % _ALIGNED, length, dtype=dtype)
    padded[:size] = embeddings
    return padded


def _num_programs(device: torch.device) -> int:
    """Return how many programs share the rows of a block."""
    if device.type != "cuda":
        return 2  # the interpreter's
    return _PROGRAMS_EACH * torch.cuda.get_device_properties(device).multi_processor_count
