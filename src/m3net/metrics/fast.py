"""The fast ranking, for the CPU: a float32 product, one sort, float64 only where it matters.

It gives what `plain` gives. The product settles only the order of scores that differ by more than
it can be off; all others, and those that are shown, are computed in float64.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray

from m3net.metrics.hits import hit_terms
from m3net.metrics.images import Images
from m3net.metrics.near_ties import settle
from m3net.metrics.order import Order, last_places
from m3net.metrics.plain import rank_plainly
from m3net.metrics.product import Bools, Floats, Integers, Product, lengths
from m3net.metrics.relevance import queries_of, ranked_relevance
from m3net.metrics.results import QueryResults
from m3net.protocol import Protocol

# A product is fastest over many images, a sort over so few that their scores stay in the cache.
SCORES_AT_ONCE = 2**18
# Where much of the order is open, as of a network that gives all images one embedding, float64 is
# the shorter way.
MOST_OPEN = 0.5


class FastRanking:
    """Ranks one gallery."""

    def __init__(
        self, gallery: Images, protocol: Protocol, cutoffs: Sequence[int], top_k: int
    ) -> None:
        """Prepare the gallery.

        Args:
            gallery: G images with float32 embeddings, sorted by index, on the CPU.
            protocol: What a query is.
            cutoffs: Numbers of ranks that count.
            top_k: How many of the best gallery images to keep for each query.
        """
        self.gallery, self.protocol, self.cutoffs, self.top_k = gallery, protocol, cutoffs, top_k
        self._embeddings: Floats = gallery.embeddings.contiguous().numpy()
        self._carriers: Bools = np.ascontiguousarray(gallery.targets.numpy().T)
        self._longest = float(lengths(self._embeddings).max(initial=0))
        self._index: Integers = gallery.index.numpy()
        group: Integers = gallery.group.numpy()
        self._by_group = np.argsort(group, kind="stable")
        self._sorted_groups = group[self._by_group]

    def rank(self, images: Images) -> Iterator[QueryResults]:
        """Rank the gallery for a block of images with float32 embeddings, and judge their queries.

        Args:
            images: The images that ask.

        Yields:
            What became of some of the queries.
        """
        product = Product.of(images.embeddings.numpy(), self._embeddings, self._longest)
        parts = max(min(ceil(product.negated.size / SCORES_AT_ONCE), len(images)), 1)
        for own in zip(images.split(parts), product.split(parts), strict=True):
            yield from self._rank_part(*own)

    def _rank_part(self, images: Images, product: Product) -> list[QueryResults]:
        """Order the gallery for some images and judge their queries."""
        index, targets = images.index.numpy(), images.targets.numpy()
        own = self._own(images.group.numpy())
        num_own = np.bincount(own[0], minlength=len(images))
        order = Order.by(product, own)
        if order.is_open.sum() > MOST_OPEN * order.is_open.size:
            return self._rank_plainly(images)
        parts = []
        for rows, classes in queries_of(targets, self.protocol):
            relevant = ranked_relevance(self._carriers, order.columns, targets, rows, classes)
            left_out = last_places(num_own[rows], len(self._index))
            relevant[left_out] = False
            if not settle(order, product, rows, relevant, self.top_k):
                return self._rank_plainly(images)
            terms = hit_terms(relevant, self.cutoffs)
            columns = {
                "query_index": index[rows],
                "query_class": classes,
                "num_relevant": np.count_nonzero(relevant, axis=1),
                "top_relevant": _padded(relevant, self.top_k, fill=False),
                **self._best(order, product, rows, left_out),
            }
            parts.append(
                QueryResults(
                    terms={name: torch.from_numpy(values) for name, values in terms.items()},
                    **{name: torch.from_numpy(values) for name, values in columns.items()},
                )
            )
        return parts

    def _rank_plainly(self, images: Images) -> list[QueryResults]:
        """Do the same by the definition."""
        return list(rank_plainly(images, self._wide, self.protocol, self.cutoffs, self.top_k))

    @cached_property
    def _wide(self) -> Images:
        """The gallery in float64, which few evaluations need."""
        return self.gallery.double()

    def _own(self, group: Integers) -> tuple[Integers, Integers]:
        """Give all pairs of an image and a gallery image of one group, as rows and columns."""
        first = np.searchsorted(self._sorted_groups, group, side="left")
        count = np.searchsorted(self._sorted_groups, group, side="right") - first
        row = np.repeat(np.arange(len(group)), count)
        place = np.arange(len(row)) + np.repeat(first - (np.cumsum(count) - count), count)
        return row, self._by_group[place]

    def _best(
        self,
        order: Order,
        product: Product,
        rows: Integers,
        left_out: tuple[Integers, Integers],
    ) -> dict[str, NDArray[np.generic]]:
        """Give the list of the best of n queries, without the places that are left out."""
        images, image = np.unique(rows, return_inverse=True)
        columns = order.columns[images, : self.top_k]
        pairs = np.repeat(images, columns.shape[1]), columns.ravel()
        scores = product.exact(*pairs).reshape(columns.shape)[image]
        index = self._index[columns][image]
        query, place = (own[left_out[1] < self.top_k] for own in left_out)
        scores[query, place], index[query, place] = -np.inf, -1
        return {
            "top_index": _padded(index, self.top_k, fill=-1),
            "top_score": _padded(scores, self.top_k, fill=-np.inf),
        }


def _padded(values: NDArray[np.generic], length: int, *, fill: float) -> NDArray[np.generic]:
    """Give the first columns of (n, m) as (n, length), filled where there are no more."""
    padded = np.full((len(values), length), fill, dtype=values.dtype)
    padded[:, : values.shape[1]] = values[:, :length]
    return padded
