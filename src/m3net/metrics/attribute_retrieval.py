"""Retrieval of one attribute: keeps embeddings over batches, then ranks once, in all processes.

Roles are flags in a uint8: `QUERY` is set where an image asks, `GALLERY` where it can be found.
Both may be set; an image with neither takes no part.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat
from torchmetrics.utilities.plot import _AX_TYPE, _PLOT_OUT_TYPE

from m3net.metrics.distributed.exchange import Exchange
from m3net.metrics.distributed.joining import add_up, gather_results
from m3net.metrics.distributed.process_group import Processes
from m3net.metrics.distributed.shard import Shard
from m3net.metrics.distributed.shares import rank_share
from m3net.metrics.metrics_config import MetricsConfig
from m3net.metrics.query_results import QueryResults
from m3net.metrics.scores import COUNTS
from m3net.metrics.sums import QuerySums
from m3net.protocol import Protocol

QUERY = 1
GALLERY = 2


class AttributeRetrieval(Metric):
    """How well the queries of one attribute find its gallery images.

    In a distributed run each process keeps its own images and ranks for its share of all queries,
    whoever holds them; to split them evenly costs the passage of a query's embedding, which is
    little beside the gallery's. All processes must compute together, those without images too, and
    give the same scores. An error in the images of one is raised by all.

    Where `compute_on_cpu` keeps the images in main memory, they travel and are ranked on the
    metric's device.

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
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    embeddings: list[Tensor]
    targets: list[Tensor]
    roles: list[Tensor]
    index: list[Tensor]
    product: list[Tensor]
    _knows_products: bool | None
    _sums: QuerySums | None
    _own_results: QueryResults | None
    _results: QueryResults | None

    def __init__(
        self,
        num_classes: int,
        *,
        protocol: Protocol = "single",
        config: MetricsConfig = MetricsConfig(),
        block_size: int | None = None,
        **settings: Any,  # noqa: ANN401 - as torchmetrics takes them
    ) -> None:
        """Start without images.

        Args:
            num_classes: K, the number of classes of the attribute.
            protocol: What a query is.
            config: Which metrics, and how.
            block_size: How many images are scored at once; see `rank`.
            settings: Those of `torchmetrics.Metric`, as process_group and compute_on_cpu.
        """
        # States are not gathered to be computed: the processes share the work.
        super().__init__(sync_on_compute=False, **settings)
        self.num_classes = num_classes
        self.protocol = protocol
        self.config = config
        self.block_size = block_size
        self._knows_products = None
        self._forget()
        for state in ("embeddings", "targets", "roles", "index", "product"):
            self.add_state(state, default=[], dist_reduce_fx="cat")

    def update(
        self,
        embeddings: Tensor,
        targets: Tensor,
        roles: Tensor,
        index: Tensor,
        product: Tensor | None = None,
    ) -> None:
        """Add the images of a batch that take part; the others are not kept.

        Args:
            embeddings: (B, D) float.
            targets: (B, K) bool, True where an image carries a class of the attribute.
            roles: (B,) uint8, `QUERY` and `GALLERY` flags.
            index: (B,) int64, the image's place in its split.
            product: (B,) int64, the product that an image shows: images of one product are not in
                each other's ranking. Given in every update, or in none, and then only the image
                itself is left out.

        Raises:
            ValueError: A shape is not as above, or the product is given of some images only.
        """
        size, shown = len(index), index if product is None else product
        shapes = [tuple(column.shape) for column in (embeddings, targets, roles, index, shown)]
        if shapes != [(size, embeddings.shape[-1]), (size, self.num_classes), *3 * [(size,)]]:
            forms = f"(B, D), (B, {self.num_classes}), (B,), (B,), (B,)"
            raise ValueError(f"expected {forms}, got {shapes}")
        if self._knows_products not in (None, product is not None):
            raise ValueError("give the product of all images or of none")
        self._knows_products = product is not None
        # Where no image takes part (0, D) is kept, a state of the form that `sync` asks for.
        rows = roles != 0
        self.embeddings.append(embeddings[rows].detach().float())
        self.targets.append(targets[rows])
        self.roles.append(roles[rows])
        self.index.append(index[rows])
        self.product.append(index[:0] if product is None else product[rows])

    def compute(self) -> dict[str, Tensor]:
        """Rank, and give `metric_names` as float64 and `COUNTS` as int64 scalars.

        Images that occur more than once, as a distributed sampler pads, count once. Where
        no query counts the metrics are NaN: there is no mean to take.

        Raises:
            M3NetError: An embedding is not finite.
            ValueError: An image occurs again with other targets, roles or product, or embeddings
                differ in length.
        """
        self._forget()
        # After `sync` each process holds the images of all.
        processes = Processes() if self._is_synced else Processes.of(self.process_group)
        exchange = Exchange(self._shard(), processes)
        listed = exchange.places(GALLERY)
        own = rank_share(
            exchange,
            exchange.places(QUERY),
            listed,
            protocol=self.protocol,
            config=self.config,
            block_size=self.block_size,
        )
        sums = add_up(QuerySums.of(own), processes, exchange.device)
        self._sums, self._own_results = sums, own
        self._results = own if processes.size == 1 else None
        counts = (sums.num_queries, len(listed), sums.num_without_relevant)
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
        """Give the sums of which the scores are made, over the queries of all processes."""
        self.compute()
        return cast("QuerySums", self._sums)

    def results(self) -> QueryResults:
        """Give what became of each query, in the order of image index, then class.

        All processes must call this together, and get the results of all. Ranks only if `compute`
        has not done so since the last update.
        """
        self.compute()
        if self._results is None:
            own = cast("QueryResults", self._own_results)
            self._results = gather_results(own, Processes.of(self.process_group))
        return self._results

    def plot(
        self,
        val: Mapping[str, Tensor] | Sequence[Mapping[str, Tensor]] | None = None,
        ax: _AX_TYPE | None = None,
    ) -> _PLOT_OUT_TYPE:
        """Plot the metrics, without the counts, which would leave no room for them.

        Args:
            val: What `compute` or `forward` gave, or several of them, which become curves; None
                computes.
            ax: Where to draw; None makes a figure.

        Returns:
            The figure, None where `ax` was given; and the axes.
        """
        val = self.compute() if val is None else val
        if isinstance(val, Mapping):
            return self._plot(_without_counts(val), ax)
        return self._plot([_without_counts(own) for own in val], ax)

    def reset(self) -> None:
        """Forget all images."""
        super().reset()
        self._knows_products = None
        self._forget()

    def _forget(self) -> None:
        """Forget what was computed."""
        self._sums = self._own_results = self._results = None

    def _shard(self) -> Shard:
        """Give the images of this process."""
        if len(self.index) == 0:
            return Shard.empty(self.num_classes, _where_float64_is(self.device))
        states = (self.embeddings, self.targets, self.roles, self.index, self.product)
        embeddings, targets, roles, index, product = (dim_zero_cat(state) for state in states)
        product = product if len(product) else index  # an image is a product of its own
        device = self.device if self.compute_on_cpu else index.device
        return Shard(embeddings, targets, roles, index, product, _where_float64_is(device))


def _without_counts(scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the metrics alone of what `compute` gave."""
    return {name: value for name, value in scores.items() if name not in COUNTS}


def _where_float64_is(device: torch.device) -> torch.device:
    """Give the device, or the CPU where it cannot compute in float64."""
    return torch.device("cpu") if device.type == "mps" else device
