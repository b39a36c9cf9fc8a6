"""The fast ranking, for the CPU: a float32 product, one sort, float64 only where it matters.

It gives what `plain` gives. The product settles only the order of scores that differ by more than
it can be off; all others, and those that are shown, are computed in float64.
"""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch

from m3net.metrics.embedded_images import Images
from m3net.metrics.query_results import QueryResults
from m3net.metrics.ranking.cpu_loops import LAST, Asked, Judged, judge, write_keys
from m3net.metrics.ranking.cpu_product import Bools, Floats, Integers, Product
from m3net.metrics.ranking.cpu_queries import queries_of
from m3net.metrics.ranking.radix_sort import sort_rows
from m3net.metrics.ranking.reference import rank_by_definition
from m3net.metrics.ranking.terms import terms_of
from m3net.protocol import Protocol

# So many that keys and orders stay in the cache while they are written, sorted and judged.
SCORES_AT_ONCE = 2**16


class CpuRanking:
    """Ranks one gallery."""

    def __init__(
        self,
        gallery: Images,
        longest: float,
        protocol: Protocol,
        cutoffs: Sequence[int],
        top_k: int,
    ) -> None:
        """Prepare the gallery.

        Args:
            gallery: G images with float32 embeddings, sorted by index, on the CPU.
            longest: The length of its longest embedding.
            protocol: What a query is.
            cutoffs: Numbers of ranks that count.
            top_k: How many of the best gallery images to keep for each query.
        """
        self.gallery, self.protocol, self.cutoffs, self.top_k = gallery, protocol, cutoffs, top_k
        self._embeddings: Floats = gallery.embeddings.contiguous().numpy()
        self._carriers: Bools = np.ascontiguousarray(gallery.targets.numpy().T)
        self._longest = longest
        self._index: Integers = gallery.index.numpy()
        group: Integers = gallery.group.numpy()
        self._by_group = np.argsort(group, kind="stable")
        self._sorted_groups = group[self._by_group]

    def rank(self, images: Images) -> list[QueryResults]:
        """Rank the gallery for a block of images with float32 embeddings, and judge their queries.

        Args:
            images: The images that ask.

        Returns:
            What became of the queries, some at a time.
        """
        product = Product.of(images.embeddings.numpy(), self._embeddings, self._longest)
        return self._rank(images, product)

    def _rank(self, images: Images, product: Product) -> list[QueryResults]:
        """Order the gallery for a block of images by these scores and judge their queries."""
        group, index = images.group.numpy(), images.index.numpy()
        results = []
        for asked in queries_of(images.targets.numpy(), self.protocol):
            judged = self._judge(product, asked, group[asked.rows])
            if judged is None:
                return self._rank_by_definition(images)
            results.append(self._results(index, asked, judged))
        return results

    def _judge(self, product: Product, asked: Asked, group: Integers) -> Judged | None:
        """Order the gallery for some queries of these groups and judge them; None: it cannot be."""
        num_queries, num_gallery = len(asked.rows), len(self._index)
        own_query, own_column = self._own(group)
        num_ranked = num_gallery - np.bincount(own_query, minlength=num_queries)
        cutoffs = np.array(self.cutoffs, dtype=np.int64)
        judged = Judged.empty(num_queries, len(cutoffs), self.top_k)
        starts = np.flatnonzero(asked.bit == 0)[:: max(SCORES_AT_ONCE // num_gallery, 1)]
        for first, last in pairwise([*starts.tolist(), num_queries]):
            part = asked.part(first, last)
            keys = np.empty((part.order[-1] + 1, num_gallery), dtype=np.int32)
            write_keys(product.negated, part, self._carriers, keys)
            own = slice(*np.searchsorted(own_query, (first, last)))
            keys[part.order[own_query[own] - first], own_column[own]] = LAST
            done = judged.part(first, last)
            ordered = sort_rows(keys)
            if not judge(product, part, keys, ordered, num_ranked[first:last], cutoffs, done):
                return None
        return judged

    def _results(self, index: Integers, asked: Asked, judged: Judged) -> QueryResults:
        """Name what was found."""
        is_listed = judged.top_column >= 0
        asked_class = asked.classes if self.protocol == "multi" else np.full(len(asked.rows), -1)
        columns = {
            "query_index": index[asked.rows],
            "query_class": asked_class,
            "num_relevant": judged.num_relevant,
            "top_index": np.where(is_listed, self._index[judged.top_column], -1),
            "top_score": judged.top_score,
            "top_relevant": judged.top_relevant,
        }
        terms = terms_of(judged, self.cutoffs)
        return QueryResults(
            terms={name: torch.from_numpy(values) for name, values in terms.items()},
            **{name: torch.from_numpy(values) for name, values in columns.items()},
        )

    def _rank_by_definition(self, images: Images) -> list[QueryResults]:
        """Do the same by the definition."""
        return list(rank_by_definition(images, self._wide, self.protocol, self.cutoffs, self.top_k))

    @cached_property
    def _wide(self) -> Images:
        """The gallery in float64, which few evaluations need."""
        return self.gallery.double()

    def _own(self, group: Integers) -> tuple[Integers, Integers]:
        """Give all pairs of a query and a gallery image of one group, as queries and columns."""
        first = np.searchsorted(self._sorted_groups, group, side="left")
        count = np.searchsorted(self._sorted_groups, group, side="right") - first
        query = np.repeat(np.arange(len(group)), count)
        place = np.arange(len(query)) + np.repeat(first - (np.cumsum(count) - count), count)
        return query, self._by_group[place]
