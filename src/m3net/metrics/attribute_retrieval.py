"""Retrieval of one attribute, as a torchmetrics `Metric`.

Roles are uint8 flags: `QUERY` marks a query, `GALLERY` a gallery image. An image may be both;
images with neither flag are ignored.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat
from torchmetrics.utilities.plot import _AX_TYPE, _PLOT_OUT_TYPE
from typing_extensions import override

from m3net.base.protocol import Protocol
from m3net.metrics.distributed.exchange import Exchange, Shard
from m3net.metrics.distributed.process_group import ProcessGroup
from m3net.metrics.distributed.shares import add_up, gather_results, rank_share
from m3net.metrics.metrics_config import MetricsConfig
from m3net.metrics.query_results import QueryResults, QuerySums
from m3net.metrics.scores import COUNTS

QUERY = 1
GALLERY = 2


class AttributeRetrieval(Metric):
    """Retrieval metrics of one attribute: keeps embeddings over batches, then ranks once.

    In a distributed run each process keeps its own images, and ranks for an equal share of all
    queries. All processes must compute together, including those without images. They compute the
    same scores, and an error in the images of one process is raised by all.

    With `compute_on_cpu`, images are kept in main memory, but travel and are ranked on the metric's
    device.

    Example:
        >>> metric = AttributeRetrieval(num_classes=2)
        >>> metric.update(torch.tensor([[1.0], [0.2], [0.9]]),
        ...               targets=torch.tensor([[True, False], [True, False], [False, True]]),
        ...               roles=torch.tensor([QUERY, GALLERY, GALLERY], dtype=torch.uint8),
        ...               index=torch.arange(3))
        >>> metric.compute()["map_all"]  # the relevant image 1 ranks second
        tensor(0.5000, dtype=torch.float64)
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    embeddings: list[Tensor]
    targets: list[Tensor]
    roles: list[Tensor]
    index: list[Tensor]
    product: list[Tensor]
    _knows_products: bool | None
    _sums: QuerySums | None
    _local_results: QueryResults | None
    _results: QueryResults | None

    def __init__(
        self,
        num_classes: int,
        *,
        protocol: Protocol = "single",
        config: MetricsConfig = MetricsConfig(),
        block_size: int | None = None,
        **settings: Any,  # noqa: ANN401 - typed so by torchmetrics
    ) -> None:
        """Create a metric without images.

        Args:
            num_classes: K, the number of classes of the attribute.
            protocol: What a query is.
            config: Which metrics, and how.
            block_size: How many images to score at once; see `rank`.
            settings: Settings of `torchmetrics.Metric`, such as process_group, compute_on_cpu.
        """
        # Processes share the work instead of gathering all states.
        super().__init__(sync_on_compute=False, **settings)
        self.num_classes = num_classes
        self.protocol = protocol
        self.config = config
        self.block_size = block_size
        self._knows_products = None
        self._forget()
        for state in ("embeddings", "targets", "roles", "index", "product"):
            self.add_state(state, default=[], dist_reduce_fx="cat")

    @override
    def update(
        self,
        embeddings: Tensor,
        targets: Tensor,
        roles: Tensor,
        index: Tensor,
        product: Tensor | None = None,
    ) -> None:
        """Add the images of a batch that have a role.

        Args:
            embeddings: (B, D) float.
            targets: (B, K) bool, True where an image has a class of the attribute.
            roles: (B,) uint8, `QUERY` and `GALLERY` flags.
            index: (B,) int64, the image's index in its split.
            product: (B,) int64, the product that an image shows: images of one product are excluded
                from each other's rankings. Pass it in every update, or in none to exclude only
                the query itself.

        Raises:
            ValueError: A shape is wrong, or only some images have a product.
        """
        columns = (embeddings, targets, roles, index, index if product is None else product)
        shapes = [tuple(column.shape) for column in columns]
        size = len(index)
        if shapes != [(size, embeddings.shape[-1]), (size, self.num_classes), *3 * [(size,)]]:
            expected = f"(B, D), (B, {self.num_classes}), (B,), (B,), (B,)"
            raise ValueError(f"expected shapes {expected}, got {shapes}")
        if self._knows_products not in (None, product is not None):
            raise ValueError("pass the product of all images or of none")
        self._knows_products = product is not None
        # Without any image with a role, (0, D) is kept: `sync` needs a state of that shape.
        rows = roles != 0
        self.embeddings.append(embeddings[rows].detach().float())
        self.targets.append(targets[rows])
        self.roles.append(roles[rows])
        self.index.append(index[rows])
        self.product.append(index[:0] if product is None else product[rows])

    @override
    def compute(self) -> dict[str, Tensor]:
        """Rank, and return `metric_names` as float64 and `COUNTS` as int64 scalars.

        Images that a distributed sampler repeats count once. If no query counts, metrics are NaN.

        Raises:
            M3NetError: An embedding is not finite.
            ValueError: An image occurs again with other targets, roles or product, or embeddings
                differ in length.
        """
        self._forget()
        # After `sync` each process holds all images.
        processes = ProcessGroup() if self._is_synced else ProcessGroup.of(self.process_group)
        exchange = Exchange(self._shard(), processes)
        gallery = exchange.with_role(GALLERY)
        results = rank_share(
            exchange,
            exchange.with_role(QUERY),
            gallery,
            protocol=self.protocol,
            config=self.config,
            block_size=self.block_size,
        )
        sums = add_up(QuerySums.of(results), processes, exchange.device)
        self._sums, self._local_results = sums, results
        self._results = results if processes.size == 1 else None
        counts = (sums.num_queries, len(gallery), sums.num_without_relevant)
        scores = torch.tensor(
            list(sums.means(self.config.without_relevant).values()),
            dtype=torch.float64,
            device=exchange.device,
        )
        return dict(zip(sums.terms, scores, strict=True)) | {
            name: torch.tensor(count, device=exchange.device)
            for name, count in zip(COUNTS, counts, strict=True)
        }

    def sums(self) -> QuerySums:
        """Return the sums over the queries of all processes."""
        self.compute()
        return cast("QuerySums", self._sums)

    def results(self) -> QueryResults:
        """Return per-query results, in the order of image index, then class.

        All processes must call this together, and each gets all results. Ranks only if `compute`
        has not done so since the last update.
        """
        self.compute()
        if self._results is None:
            local = cast("QueryResults", self._local_results)
            self._results = gather_results(local, ProcessGroup.of(self.process_group))
        return self._results

    @override
    def plot(
        self,
        val: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]] | None = None,
        ax: _AX_TYPE | None = None,
    ) -> _PLOT_OUT_TYPE:
        """Plot the metrics without the counts, whose scale would flatten them.

        Args:
            val: A result of `compute` or `forward`, or several results, drawn as curves; None
                computes.
            ax: Where to draw; None creates a figure.

        Returns:
            The figure, or None with `ax`; and the axes.
        """
        val = self.compute() if val is None else val
        if isinstance(val, Mapping):
            return self._plot(_without_counts(val), ax)
        return self._plot([_without_counts(scores) for scores in val], ax)

    @override
    def reset(self) -> None:
        """Forget all images."""
        super().reset()
        self._knows_products = None
        self._forget()

    def _forget(self) -> None:
        """Forget all results."""
        self._sums = self._local_results = self._results = None

    def _shard(self) -> Shard:
        """Return the images of this process."""
        if len(self.index) == 0:
            return Shard.empty(self.num_classes, _float64_device(self.device))
        states = (self.embeddings, self.targets, self.roles, self.index, self.product)
        embeddings, targets, roles, index, product = (dim_zero_cat(state) for state in states)
        product = product if len(product) else index  # each image is its own product
        device = self.device if self.compute_on_cpu else index.device
        return Shard(embeddings, targets, roles, index, product, _float64_device(device))


def _without_counts(scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the scores of `compute` without its counts."""
    return {name: value for name, value in scores.items() if name not in COUNTS}


def _float64_device(device: torch.device) -> torch.device:
    """Return the device, or the CPU for MPS, which has no float64."""
    return torch.device("cpu") if device.type == "mps" else device
