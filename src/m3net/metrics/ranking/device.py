"""The ranking on a CUDA device: a product, and a kernel that counts instead of sorting.

It gives what `plain` gives. The kernel is written in Triton, which comes with every CUDA build of
PyTorch on Linux.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from importlib.util import find_spec
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from m3net.metrics.images import Images
from m3net.metrics.ranking.plain import exact_scores, judge_scores
from m3net.metrics.results import QueryResults, metric_names
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
_TILE, _NODES = 1024, 256  # gallery images, and relevant ones, that a program takes at once


def is_available(device: torch.device) -> bool:
    """Say whether images on this device can be ranked by the kernel."""
    return device.type == "cuda" and find_spec("triton") is not None


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


class _Labels(NamedTuple):
    """What Q images ask for of a gallery of G, in the form of the kernel.

    Attributes:
        rows: (labels,) int64, the image of each label.
        classes: (labels,) int64.
        bounds: (Q + 1,) int64, where the labels of each image begin.
        members: (carried,) int64, the gallery images of each class, ascending.
        class_bounds: (K + 1,) int64, where those of each class begin.
        most: The most members of an image's classes together.
    """

    rows: Tensor
    classes: Tensor
    bounds: Tensor
    members: Tensor
    class_bounds: Tensor
    most: int

    @classmethod
    def of(cls, asked: Tensor, carried: Tensor) -> "_Labels":
        """Read targets: (Q, K) bool, (G, K) bool."""
        rows, classes = asked.nonzero(as_tuple=True)
        members = carried.T.nonzero()[:, 1].contiguous()
        size = carried.sum(dim=0)
        found = rows.new_zeros(len(asked)).index_add_(0, rows, size[classes])
        most = int(found.max()) if len(found) else 0
        return cls(rows, classes, _bounds(asked.sum(dim=1)), members, _bounds(size), most)


class DeviceRanking:
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
            queries: Q images.
            gallery: G images, sorted by index.
            protocol: What a query is.
            cutoffs: Numbers of ranks that count.
            top_k: How many of the best gallery images to keep for each query.
            scores: How they are computed.
            programs: So many images are judged side by side; None for as many as the device can.
        """
        self.queries, self.gallery, self.protocol = queries, gallery, protocol
        self.cutoffs, self.top_k, self.scores = cutoffs, top_k, scores
        # Rows of scores that begin at a multiple of 128 bytes are written and read faster.
        padded = pad(gallery.embeddings, (0, 0, 0, -len(gallery) % _ALIGNED))
        self.embeddings = padded.double() if scores == "exact" else padded
        device = self.device = gallery.index.device
        self.programs = programs or _num_programs(device)
        self.labels = _Labels.of(queries.targets, gallery.targets)
        group, self.by_group = gallery.group.sort(stable=True)
        self.own = [torch.searchsorted(group, queries.group, right=end) for end in (False, True)]
        self.limits = torch.tensor([len(gallery) + 1, *cutoffs], device=device)
        num_images = len(queries)
        num_queries = len(self.labels.rows) if protocol == "multi" else num_images
        self.num_relevant = torch.zeros(num_queries, dtype=torch.int64, device=device)
        self.terms = torch.empty(
            len(metric_names(cutoffs)), num_queries, dtype=torch.float64, device=device
        )
        self.columns = torch.full((num_images, top_k), -1, dtype=torch.int64, device=device)
        self.top_score = torch.full((num_images, top_k), -torch.inf, device=device)
        self.skewed = torch.zeros(num_images, dtype=torch.int32, device=device)

    def rank(self, block_size: int) -> QueryResults:
        """Rank the gallery for so many images at once, and say what became of all queries."""
        for first in range(0, len(self.queries), block_size):
            embeddings = self.queries.embeddings[first : first + block_size]
            self._judge(scores_of(embeddings, self.embeddings, self.scores), first)
        return self._results()

    def _judge(self, scores: Tensor, first: int) -> None:
        """Judge the queries of some images.

        Args:
            scores: (q, G or more) float32, contiguous; is overwritten.
            first: The first of the q images.
        """
        from m3net.metrics.ranking.kernels import judge_rows

        labels, (num_rows, pitch) = self.labels, scores.shape
        stride = self._stride(len(self.gallery))
        programs = min(self.programs, num_rows)
        scratch = torch.empty(programs, stride, dtype=torch.int32, device=self.device)
        block = slice(first, first + num_rows)
        judge_rows[(programs,)](
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
            labels.most,
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
        return (size + 5 * self.labels.most + 31) // 32 * 32

    def _results(self) -> QueryResults:
        """Give what became of all queries."""
        rows, labels = torch.arange(len(self.queries), device=self.device), self.labels
        asked_class = torch.full_like(rows, -1)
        if self.protocol == "multi":
            rows, asked_class = labels.rows, labels.classes
        columns = self.columns[rows]
        is_listed = columns >= 0
        carried = self.gallery.targets[columns] if len(self.gallery) else columns[..., None] > 0
        if self.protocol == "multi":
            relevant = carried.gather(2, asked_class[:, None, None].expand(*columns.shape, 1))[
                ..., 0
            ]
        else:
            relevant = (carried & self.queries.targets[rows][:, None]).any(dim=2)
        names = metric_names(self.cutoffs)
        results = QueryResults(
            query_index=self.queries.index[rows],
            query_class=asked_class,
            num_relevant=self.num_relevant,
            terms=dict(zip(names, self.terms, strict=True)),
            top_index=self.gallery.index[columns].masked_fill(~is_listed, -1),
            top_score=self.top_score[rows],
            top_relevant=relevant & is_listed,
        )
        return self._with_skewed(results, rows)

    def _with_skewed(self, results: QueryResults, rows: Tensor) -> QueryResults:
        """Rank plainly what the kernel left."""
        left = self.skewed.nonzero()[:, 0]
        if len(left) == 0:
            return results
        block = max(2**24 // max(len(self.gallery), 1), 1)
        parts: list[QueryResults] = []
        for own in torch.split(left, block):
            images = self.queries.select(own)
            scores = scores_of(images.embeddings, self.embeddings, self.scores)
            scores = scores[:, : len(self.gallery)]
            parts += judge_scores(
                scores, images, self.gallery, self.protocol, self.cutoffs, self.top_k
            )
        plain = QueryResults.concatenate(parts)
        at = self.skewed[rows].nonzero()[:, 0]
        columns = {
            field.name: getattr(results, field.name).index_copy(0, at, getattr(plain, field.name))
            for field in fields(QueryResults)
            if field.name != "terms"
        }
        terms = {
            name: own.index_copy(0, at, plain.terms[name]) for name, own in results.terms.items()
        }
        return replace(results, terms=terms, **columns)


def _bounds(counts: Tensor) -> Tensor:
    """Give where parts of these sizes begin, and where the last ends: (n,) -> (n + 1,)."""
    return pad(counts.cumsum(dim=0), (1, 0))


def _num_programs(device: torch.device) -> int:
    """Give how many programs share the rows of a block."""
    if device.type != "cuda":
        return 2  # the interpreter's
    return _PROGRAMS_EACH * torch.cuda.get_device_properties(device).multi_processor_count
