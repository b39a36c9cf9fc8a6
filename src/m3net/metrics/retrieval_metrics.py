"""Retrieval of all attributes: one metric for each, one table of all."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from m3net.errors import M3NetError
from m3net.metrics.attribute_retrieval import GALLERY, QUERY, AttributeRetrieval
from m3net.metrics.classes import ClassScores, class_scores
from m3net.metrics.confusion import retrieved_classes
from m3net.metrics.metrics_config import MetricsConfig
from m3net.metrics.query_results import QueryResults
from m3net.metrics.scores import AttributeScores, flatten, score_table
from m3net.protocol import Protocol


class RetrievalMetrics(nn.Module):
    """Retrieval metrics of all A attributes, with M classes in total.

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
        **settings: Any,  # noqa: ANN401 - as torchmetrics takes them
    ) -> None:
        """Start without images.

        Args:
            names: A attribute names, in the order of their ids.
            sizes: Number of classes of each attribute; they sum to M.
            protocol: What a query is.
            config: Which metrics, and how.
            block_size: How many images are scored at once; see `rank`.
            settings: Those of `torchmetrics.Metric`, as process_group and compute_on_cpu.
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
            targets: (B, M) bool, True where an image carries a class.
            roles: (B, A) uint8, `QUERY` and `GALLERY` flags.
            index: (B,) int64, the image's place in its split.
            product: (B,) int64, the product that an image shows; see `AttributeRetrieval.update`.

        Raises:
            ValueError: A shape is not as above.
        """
        if targets.shape[1] != sum(self.sizes):
            raise ValueError(f"{targets.shape[1]} columns of targets, {sum(self.sizes)} classes")
        own_targets = torch.split(targets, list(self.sizes), dim=1)
        columns = zip(embeddings, own_targets, roles.unbind(dim=1), strict=True)
        for metric, own in zip(self._metrics().values(), columns, strict=True):
            metric.update(*own, index, product)

    def compute(self) -> dict[str, Tensor]:
        """Give all scores as scalars under flat names; see `flatten`."""
        return flatten(self.table())

    def table(self) -> list[AttributeScores]:
        """Give one row per attribute, then overall by queries, then overall by attributes."""
        num_gallery = {
            name: int(metric.compute()["num_gallery"]) for name, metric in self._metrics().items()
        }
        sums = {name: metric.sums() for name, metric in self._metrics().items()}
        return score_table(sums, num_gallery, self.config.without_relevant)

    def results(self) -> dict[str, QueryResults]:
        """Give for each attribute what became of each query."""
        return {name: metric.results() for name, metric in self._metrics().items()}

    def class_table(self, targets: Tensor) -> list[ClassScores]:
        """Give one row for each of the M classes, over the queries that ask for it.

        Args:
            targets: (N, M) bool, the classes that all images of the split carry.
        """
        rows = []
        for name, results, own in self._by_attribute(targets):
            on_device = self._asked(results, own).to(results.query_index.device)
            rows += class_scores(name, results, on_device, self.config.without_relevant)
        return rows

    def retrieved_classes(self, targets: Tensor) -> dict[str, Tensor]:
        """Give for each attribute the classes that come back when a class is asked for.

        Args:
            targets: (N, M) bool, the classes that all images of the split carry.

        Returns:
            For each attribute (K, K) float64; see `confusion.retrieved_classes`.
        """
        return {
            name: retrieved_classes(results, self._asked(results, own), own)
            for name, results, own in self._by_attribute(targets)
        }

    def sample(self, order: Tensor, most: int) -> dict[str, tuple[Tensor, Tensor]]:
        """Give for each attribute some of the images that this process took in.

        Args:
            order: (N,) int64, all different; images with the lowest numbers are taken first.
            most: How many images of an attribute are given, at least 1.

        Returns:
            (n,) int64, their places in the split, and (n, D) float32, their embeddings, on the CPU;
            nothing for an attribute without images.
        """
        found = {}
        for name, metric in self._metrics().items():
            index = torch.cat([order[:0], *(part.cpu() for part in metric.index)])
            if not len(index):
                continue
            ranks = order[index]
            taken = ranks <= ranks.sort().values[:most][-1]
            # A batch at a time: all embeddings side by side may not fit a second time.
            rows_of = torch.split(taken, [*map(len, metric.index)])
            parts = zip(metric.embeddings, rows_of, strict=True)
            vectors = [own[rows.to(own.device)].cpu() for own, rows in parts]
            found[name] = index[taken], torch.cat(vectors)
        return found

    def check_complete(self, roles: Tensor, num_labels: Tensor) -> None:
        """Refuse results that lack images, instead of averaging over those that came.

        Args:
            roles: (N, A) uint8, the roles of all images of the split.
            num_labels: (N, A) int64, how many classes of each attribute they carry.

        Raises:
            M3NetError: An attribute has other numbers of queries or gallery images than the split.
        """
        *rows, _, _ = self.table()
        asks, listed = ((roles & role) != 0 for role in (QUERY, GALLERY))
        num_queries = (asks * num_labels if self.protocol == "multi" else asks).sum(dim=0)
        columns = zip(num_queries.tolist(), listed.sum(dim=0).tolist(), strict=True)
        for row, expected in zip(rows, columns, strict=True):
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

    def _by_attribute(self, targets: Tensor) -> Iterator[tuple[str, QueryResults, Tensor]]:
        """Give each attribute's name, what became of its queries, and its (N, K) targets."""
        parts = torch.split(targets, list(self.sizes), dim=1)
        for (name, results), own in zip(self.results().items(), parts, strict=True):
            yield name, results, own

    def _asked(self, results: QueryResults, targets: Tensor) -> Tensor:
        """Give (Q, K) bool: whether a query asks for a class, by the (N, K) targets of all."""
        if self.protocol == "multi":
            return torch.eye(targets.shape[1], dtype=torch.bool)[results.query_class.cpu()]
        return targets[results.query_index.to(targets.device)]

    def _metrics(self) -> dict[str, AttributeRetrieval]:
        """Give the metric of each attribute, which a ModuleList knows only as a module."""
        metrics = cast("list[AttributeRetrieval]", list(self.attributes))
        return dict(zip(self.names, metrics, strict=True))
