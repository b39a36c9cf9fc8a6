"""Retrieval of all attributes: one metric for each, and one table."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from m3net.base.protocol import Protocol
from m3net.errors import M3NetError
from m3net.metrics.attribute_retrieval import GALLERY, QUERY, AttributeRetrieval
from m3net.metrics.metrics_config import MetricsConfig
from m3net.metrics.query_results import QueryResults
from m3net.metrics.scores import (
    AttributeScores,
    ClassScores,
    class_scores,
    flatten,
    retrieved_classes,
    score_table,
)


class RetrievalMetrics(nn.Module):
    """Retrieval metrics of A attributes, with M classes in total.

    Example:
        >>> metrics = RetrievalMetrics(["sleeve", "collar"], sizes=[1, 1])
        >>> same = torch.ones(3, 4)
        >>> metrics.update([same, same], targets=torch.ones(3, 2, dtype=torch.bool),
        ...                roles=torch.tensor([[1, 2], [2, 1], [2, 0]], dtype=torch.uint8),
        ...                index=torch.arange(3))
        >>> [(row.attribute, row.values["map_all"], row.num_gallery) for row in metrics.table()[:2]]
        [('sleeve', 1.0, 2), ('collar', 1.0, 1)]
    """

    def __init__(
        self,
        names: Sequence[str],
        sizes: Sequence[int],
        *,
        protocol: Protocol = "single",
        config: MetricsConfig = MetricsConfig(),
        block_size: int | None = None,
        **settings: Any,  # noqa: ANN401 - typed so by torchmetrics
    ) -> None:
        """Create metrics without images.

        Args:
            names: Names of the attributes, in the order of their ids.
            sizes: Number of classes of each attribute, M in total.
            protocol: What a query is.
            config: Which metrics, and how.
            block_size: How many images to score at once; see `rank`.
            settings: Settings of `torchmetrics.Metric`, such as process_group, compute_on_cpu.
        """
        super().__init__()
        self.names = tuple(names)
        self.sizes = tuple(sizes)
        self.protocol = protocol
        self.config = config
        self.attributes = nn.ModuleList(
            AttributeRetrieval(
                size, protocol=protocol, config=config, block_size=block_size, **settings
            )
            for _, size in zip(names, sizes, strict=True)
        )

    def update(
        self,
        embeddings: Sequence[Tensor],
        targets: Tensor,
        roles: Tensor,
        index: Tensor,
        product: Tensor | None = None,
    ) -> None:
        """Add a batch.

        Args:
            embeddings: For each attribute (B, D) float; D may differ between attributes.
            targets: (B, M) bool, True where an image has a class.
            roles: (B, A) uint8, `QUERY` and `GALLERY` flags.
            index: (B,) int64, the image's index in its split.
            product: (B,) int64, the product that an image shows; see `AttributeRetrieval.update`.

        Raises:
            ValueError: A shape is wrong.
        """
        if targets.shape[1] != sum(self.sizes):
            raise ValueError(
                f"targets have {targets.shape[1]} columns for {sum(self.sizes)} classes"
            )
        columns = zip(embeddings, self._split(targets), roles.unbind(dim=1), strict=True)
        for metric, attribute_columns in zip(self._metrics().values(), columns, strict=True):
            metric.update(*attribute_columns, index, product)

    def compute(self) -> dict[str, Tensor]:
        """Return all scores as scalars under flat names; see `flatten`."""
        return flatten(self.table())

    def table(self) -> list[AttributeScores]:
        """Return one row per attribute, then overall by queries, then overall by attributes."""
        num_gallery = {
            name: int(metric.compute()["num_gallery"]) for name, metric in self._metrics().items()
        }
        sums = {name: metric.sums() for name, metric in self._metrics().items()}
        return score_table(sums, num_gallery, self.config.without_relevant)

    def results(self) -> dict[str, QueryResults]:
        """Return the per-query results of each attribute."""
        return {name: metric.results() for name, metric in self._metrics().items()}

    def class_table(self, targets: Tensor) -> list[ClassScores]:
        """Return one row for each of the M classes, averaged over the queries for it.

        Args:
            targets: (N, M) bool, the classes of all images of the split.
        """
        rows = []
        for name, results, classes in self._by_attribute(targets):
            queries = self._query_classes(results, classes).to(results.query_index.device)
            rows += class_scores(name, results, queries, self.config.without_relevant)
        return rows

    def retrieved_classes(self, targets: Tensor) -> dict[str, Tensor]:
        """Return for each attribute how often each class is retrieved by queries for each class.

        Args:
            targets: (N, M) bool, the classes of all images of the split.

        Returns:
            For each attribute (K, K) float64; see `scores.retrieved_classes`.
        """
        return {
            name: retrieved_classes(results, self._query_classes(results, classes), classes)
            for name, results, classes in self._by_attribute(targets)
        }

    def sample(self, order: Tensor, most: int) -> dict[str, tuple[Tensor, Tensor]]:
        """Return a sample of the images of this process, for each attribute that has any.

        Args:
            order: (N,) int64, all different; images with the lowest numbers are taken first.
            most: The most images of an attribute, at least 1.

        Returns:
            (n,) int64, the indices of the images in the split, and (n, D) float32, their
            embeddings, on the CPU.
        """
        sample = {}
        for name, metric in self._metrics().items():
            index = torch.cat([order[:0], *(part.cpu() for part in metric.index)])
            if not len(index):
                continue
            ranks = order[index]
            taken = ranks <= ranks.sort().values[:most][-1]
            # Batch by batch: a second copy of all embeddings may not fit.
            batches = zip(
                metric.embeddings, torch.split(taken, [*map(len, metric.index)]), strict=True
            )
            vectors = [batch[rows.to(batch.device)].cpu() for batch, rows in batches]
            sample[name] = index[taken], torch.cat(vectors)
        return sample

    def check_complete(self, roles: Tensor, num_labels: Tensor) -> None:
        """Check that the whole split was evaluated.

        Args:
            roles: (N, A) uint8, the roles of all images of the split.
            num_labels: (N, A) int64, how many classes of each attribute they have.

        Raises:
            M3NetError: Queries or gallery images of an attribute are missing.
        """
        *rows, _, _ = self.table()
        is_query, is_gallery = ((roles & role) != 0 for role in (QUERY, GALLERY))
        queries = is_query * num_labels if self.protocol == "multi" else is_query
        counts = zip(queries.sum(dim=0).tolist(), is_gallery.sum(dim=0).tolist(), strict=True)
        for row, (num_queries, num_gallery) in zip(rows, counts, strict=True):
            if (row.num_queries, row.num_gallery) != (num_queries, num_gallery):
                raise M3NetError(
                    f"attribute {row.attribute!r}: {row.num_queries} of {num_queries} queries and "
                    f"{row.num_gallery} of {num_gallery} gallery images were evaluated. Evaluate "
                    "the whole split: do not limit its batches or drop the last one."
                )

    def reset(self) -> None:
        """Forget all images."""
        for metric in self._metrics().values():
            metric.reset()

    def _by_attribute(self, targets: Tensor) -> Iterator[tuple[str, QueryResults, Tensor]]:
        """Yield each attribute's name, results and (N, K) targets."""
        parts = self._split(targets)
        for (name, results), classes in zip(self.results().items(), parts, strict=True):
            yield name, results, classes

    def _split(self, targets: Tensor) -> tuple[Tensor, ...]:
        """Split (n, M) targets into those of the attributes."""
        return torch.split(targets, list(self.sizes), dim=1)

    def _query_classes(self, results: QueryResults, targets: Tensor) -> Tensor:
        """Return (Q, K) bool, whether a query asks for a class, from the (N, K) targets of all."""
        if self.protocol == "multi":
            return torch.eye(targets.shape[1], dtype=torch.bool)[results.query_class.cpu()]
        return targets[results.query_index.to(targets.device)]

    def _metrics(self) -> dict[str, AttributeRetrieval]:
        """Return the metric of each attribute; ModuleList types them as modules."""
        metrics = cast("list[AttributeRetrieval]", list(self.attributes))
        return dict(zip(self.names, metrics, strict=True))
