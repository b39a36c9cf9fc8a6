"""Retrieval of one attribute: gathers embeddings over batches and processes, then ranks once.

Roles are flags in a uint8: `QUERY` is set where an image asks, `GALLERY` where it can be found.
Both may be set; an image with neither takes no part.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat
from torchmetrics.utilities.plot import _AX_TYPE, _PLOT_OUT_TYPE

from m3net.metrics.images import Images
from m3net.metrics.ranking import rank
from m3net.metrics.results import QueryResults
from m3net.metrics.scores import COUNTS
from m3net.metrics.settings import MetricsConfig
from m3net.protocol import Protocol

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
    plot_lower_bound = 0.0
    plot_upper_bound = 1.0

    embeddings: list[Tensor]
    targets: list[Tensor]
    roles: list[Tensor]
    index: list[Tensor]
    product: list[Tensor]

    def __init__(
        self,
        num_classes: int,
        *,
        protocol: Protocol = "single",
        config: MetricsConfig = MetricsConfig(),  # noqa: B008 - frozen
        block_size: int | None = None,
    ) -> None:
        """Start without images.

        Args:
            num_classes: K, the number of classes of the attribute.
            protocol: What a query is.
            config: Which metrics, and how.
            block_size: How many images are scored at once; see `rank`.
        """
        super().__init__()
        self.num_classes = num_classes
        self.protocol = protocol
        self.config = config
        self.block_size = block_size
        self._results: QueryResults | None = None
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
            ValueError: A shape is not as above.
        """
        size, shown = len(index), index if product is None else product
        shapes = [tuple(column.shape) for column in (embeddings, targets, roles, index, shown)]
        if shapes != [(size, embeddings.shape[-1]), (size, self.num_classes), *3 * [(size,)]]:
            forms = f"(B, D), (B, {self.num_classes}), (B,), (B,), (B,)"
            raise ValueError(f"expected {forms}, got {shapes}")
        # Where no image takes part (0, D) is kept: without it, a process that saw none would
        # join the gather with a tensor of other dimensions and hang it.
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
            ValueError: An image occurs again with other targets, roles or product, or the product
                is known of some images only.
        """
        images, roles = self._images()
        queries, gallery = (images.select((roles & role) != 0) for role in (QUERY, GALLERY))
        results = rank(
            queries,
            gallery,
            protocol=self.protocol,
            cutoffs=self.config.cutoffs,
            top_k=self.config.top_k,
            block_size=self.block_size,
            memory_limit=self.config.memory_limit,
        )
        self._results = results
        counts = (len(results), len(gallery), results.num_without_relevant)
        return results.means(self.config.without_relevant) | {
            name: torch.tensor(count, device=images.index.device)
            for name, count in zip(COUNTS, counts, strict=True)
        }

    def results(self) -> QueryResults:
        """Give what became of each query, in the order of image index, then class.

        Ranks only if `compute` has not done so since the last update.
        """
        self.compute()
        return cast("QueryResults", self._results)

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
        self._results = None

    def _images(self) -> tuple[Images, Tensor]:
        """Give the distinct images in the order of their indices, and their roles."""
        states = (self.embeddings, self.targets, self.roles, self.index, self.product)
        embeddings, targets, roles, index, product = (_join(state) for state in states)
        if len(product) not in (0, len(index)):
            raise ValueError("give the product of all images or of none")
        product = product if len(product) else index  # an image is a product of its own
        index, order = index.sort(stable=True)
        labels = torch.cat([targets, roles[:, None]], dim=1)[order]
        again = torch.zeros_like(index, dtype=torch.bool)
        again[1:] = index[1:] == index[:-1]
        product = product[order]
        differs = (labels[1:] != labels[:-1]).any(dim=1) | (product[1:] != product[:-1])
        conflict = again[1:] & differs
        if conflict.any():
            raise ValueError(
                f"images {index[1:][conflict].tolist()[:10]} occur again with other targets, "
                "roles or product: reset the metric between splits"
            )
        first = order[~again]
        images = Images(embeddings[first], targets[first], index[~again], product[~again])
        return images, roles[first]


def _without_counts(scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the metrics alone of what `compute` gave."""
    return {name: value for name, value in scores.items() if name not in COUNTS}


def _join(state: list[Tensor]) -> Tensor:
    """Give a state as one tensor, on a device that can compute in float64."""
    joined = dim_zero_cat(state)
    return joined.cpu() if joined.device.type == "mps" else joined
