"""Retrieval metrics that gather embeddings over batches and processes, then rank once.

Roles are flags in a uint8: `QUERY` is set where an image asks, `GALLERY` where it can be found.
Both may be set; an image with neither takes no part.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from m3net.errors import M3NetError
from m3net.metrics.ranking import Images, QueryResults, rank
from m3net.metrics.scores import COUNTS, AttributeScores, flatten, score_table

QUERY = 1
GALLERY = 2


class AttributeRetrieval(Metric):
    """How well the queries of one attribute find its gallery images.

    In a distributed run every process must call `update` at least once, if only with images that
    take no part (it tells the gather how long the embeddings are), and all must compute together.

    Example:
        >>> metric = AttributeRetrieval(num_classes=2)
        >>> metric.update(torch.tensor([[1.0], [0.2], [0.9]]),
        ...               targets=torch.tensor([[True, False], [True, False], [False, True]]),
        ...               roles=torch.tensor([QUERY, GALLERY, GALLERY], dtype=torch.uint8),
        ...               index=torch.arange(3))
        >>> metric.compute()["map_all"]  # image 1 is relevant and stands behind image 2
        tensor(0.5000, dtype=torch.float64)
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    embeddings: list[Tensor]
    targets: list[Tensor]
    roles: list[Tensor]
    index: list[Tensor]

    def __init__(self, num_classes: int, *, block_size: int = 256, top_k: int = 100) -> None:
        """Start without images.

        Args:
            num_classes: K, the number of classes of the attribute.
            block_size: How many queries are scored at once.
            top_k: How many of the best gallery images `results` keeps for each query.
        """
        super().__init__()
        self.num_classes = num_classes
        self.block_size = block_size
        self.top_k = top_k
        self._results: QueryResults | None = None
        for state in ("embeddings", "targets", "roles", "index"):
            self.add_state(state, default=[], dist_reduce_fx="cat")

    def update(self, embeddings: Tensor, targets: Tensor, roles: Tensor, index: Tensor) -> None:
        """Add the images of a batch that take part; the others are not kept.

        Args:
            embeddings: (B, D) float.
            targets: (B, K) bool, True where an image carries a class of the attribute.
            roles: (B,) uint8, `QUERY` and `GALLERY` flags.
            index: (B,) int64, the image's place in its split.

        Raises:
            ValueError: A shape is not as above.
        """
        size = len(index)
        shapes = [tuple(t.shape) for t in (embeddings, targets, roles, index)]
        if shapes != [(size, embeddings.shape[-1]), (size, self.num_classes), (size,), (size,)]:
            raise ValueError(f"expected (B, D), (B, {self.num_classes}), (B,), (B,), got {shapes}")
        # Where no image takes part (0, D) is kept: without it, a process that saw none would
        # join the gather with a tensor of other dimensions and hang it.
        rows = roles != 0
        self.embeddings.append(embeddings[rows].detach().float())
        self.targets.append(targets[rows])
        self.roles.append(roles[rows])
        self.index.append(index[rows])

    def compute(self) -> dict[str, Tensor]:
        """Rank, and give `METRICS` as float64 and `COUNTS` as int64 scalars.

        Images that occur more than once, as a distributed sampler pads, count once. Without
        queries the metrics are NaN: there is no mean to take.

        Raises:
            M3NetError: An embedding is not finite.
            ValueError: An image occurs again with other targets or roles.
        """
        images, roles = self._images()
        queries, gallery = (images.select((roles & role) != 0) for role in (QUERY, GALLERY))
        results = rank(queries, gallery, block_size=self.block_size, top_k=self.top_k)
        self._results = results
        counts = (len(queries), len(gallery), results.num_without_relevant)
        values = {name: terms.mean() for name, terms in results.terms.items()}
        return values | {
            name: torch.tensor(count, device=images.index.device)
            for name, count in zip(COUNTS, counts, strict=True)
        }

    def results(self) -> QueryResults:
        """Give what became of each query, in the order of their indices.

        Ranks only if `compute` has not done so since the last update.
        """
        self.compute()
        return cast("QueryResults", self._results)

    def reset(self) -> None:
        """Forget all images."""
        super().reset()
        self._results = None

    def _images(self) -> tuple[Images, Tensor]:
        """Give the distinct images in the order of their indices, and their roles."""
        states = (self.embeddings, self.targets, self.roles, self.index)
        embeddings, targets, roles, index = (_join(state) for state in states)
        index, order = index.sort(stable=True)
        labels = torch.cat([targets, roles[:, None]], dim=1)[order]
        again = torch.zeros_like(index, dtype=torch.bool)
        again[1:] = index[1:] == index[:-1]
        conflict = again[1:] & (labels[1:] != labels[:-1]).any(dim=1)
        if conflict.any():
            raise ValueError(
                f"images {index[1:][conflict].tolist()[:10]} occur again with other targets or "
                "roles: reset the metric between splits"
            )
        first = order[~again]
        return Images(embeddings[first], targets[first], index[~again]), roles[first]


def _join(state: list[Tensor]) -> Tensor:
    """Give a state as one tensor, on a device that can compute in float64."""
    joined = dim_zero_cat(state)
    return joined.cpu() if joined.device.type == "mps" else joined


class RetrievalMetrics(nn.Module):
    """Retrieval metrics of all A attributes, with M classes in total.

    Example:
        >>> metrics = RetrievalMetrics(["sleeve", "collar"], sizes=[1, 1])
        >>> same = torch.ones(3, 4)
        >>> metrics.update([same, same], targets=torch.ones(3, 2, dtype=torch.bool),
        ...                roles=torch.tensor([[1, 2], [2, 1], [2, 0]], dtype=torch.uint8),
        ...                index=torch.arange(3))
        >>> [(row.attribute, row.map_all, row.num_gallery) for row in metrics.table()[:2]]
        [('sleeve', 1.0, 2), ('collar', 1.0, 1)]
    """

    def __init__(
        self, names: Sequence[str], sizes: Sequence[int], *, block_size: int = 256, top_k: int = 100
    ) -> None:
        """Start without images.

        Args:
            names: A attribute names, in the order of their ids.
            sizes: Number of classes of each attribute; they sum to M.
            block_size: How many queries are scored at once.
            top_k: How many of the best gallery images `results` keeps for each query.
        """
        super().__init__()
        self.names = tuple(names)
        self.sizes = tuple(sizes)
        self.attributes = nn.ModuleList(
            AttributeRetrieval(size, block_size=block_size, top_k=top_k)
            for _, size in zip(names, sizes, strict=True)
        )

    def update(
        self, embeddings: Sequence[Tensor], targets: Tensor, roles: Tensor, index: Tensor
    ) -> None:
        """Add a batch.

        Args:
            embeddings: For each attribute (B, D) float; D may differ between attributes.
            targets: (B, M) bool, True where an image carries a class.
            roles: (B, A) uint8, `QUERY` and `GALLERY` flags.
            index: (B,) int64, the image's place in its split.

        Raises:
            ValueError: A shape is not as above.
        """
        if targets.shape[1] != sum(self.sizes):
            raise ValueError(f"{targets.shape[1]} columns of targets, {sum(self.sizes)} classes")
        own_targets = torch.split(targets, list(self.sizes), dim=1)
        columns = zip(embeddings, own_targets, roles.unbind(dim=1), strict=True)
        for metric, own in zip(self._metrics().values(), columns, strict=True):
            metric.update(*own, index)

    def compute(self) -> dict[str, Tensor]:
        """Give all scores as scalars under flat names; see `flatten`."""
        return flatten(self.table())

    def table(self) -> list[AttributeScores]:
        """Give one row per attribute, then overall by queries, then overall by attributes."""
        num_gallery = {
            name: int(metric.compute()["num_gallery"]) for name, metric in self._metrics().items()
        }
        return score_table(self.results(), num_gallery)

    def results(self) -> dict[str, QueryResults]:
        """Give for each attribute what became of each query."""
        return {name: metric.results() for name, metric in self._metrics().items()}

    def check_complete(self, roles: Tensor) -> None:
        """Refuse results that lack images, instead of averaging over those that came.

        Args:
            roles: (N, A) uint8, the roles of all images of the split.

        Raises:
            M3NetError: An attribute has other numbers of queries or gallery images than `roles`.
        """
        *rows, _, _ = self.table()
        for row, own in zip(rows, roles.unbind(dim=1), strict=True):
            expected = tuple(int(((own & role) != 0).sum()) for role in (QUERY, GALLERY))
            if (row.num_queries, row.num_gallery) != expected:
                raise M3NetError(
                    f"attribute {row.attribute!r}: {row.num_queries} of {expected[0]} queries and "
                    f"{row.num_gallery} of {expected[1]} gallery images were evaluated. Evaluate "
                    "the whole split: set no limit on its batches and drop no last batch."
                )

    def reset(self) -> None:
        """Forget all images."""
        for metric in self._metrics().values():
            metric.reset()

    def _metrics(self) -> dict[str, AttributeRetrieval]:
        """Give the metric of each attribute, which a ModuleList knows only as a module."""
        metrics = cast("list[AttributeRetrieval]", list(self.attributes))
        return dict(zip(self.names, metrics, strict=True))
