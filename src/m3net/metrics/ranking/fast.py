"""The fast ranking, for the CPU: a float32 product, one sort, float64 only where it matters.

It gives what `plain` gives. The product settles only the order of scores that differ by more than
it can be off; all others, and those that are shown, are computed in float64.
"""

from collections.abc import Sequence
from functools import cached_property
from math import ceil

import numpy as np
import torch

from m3net.metrics.images import Images
from m3net.metrics.ranking.loops import LAST, Asked, Judged, judge, write_keys
from m3net.metrics.ranking.plain import rank_plainly
from m3net.metrics.ranking.product import Bools, Floats, Integers, Product
from m3net.metrics.ranking.relevance import queries_of
from m3net.metrics.ranking.sorting import sort_rows
from m3net.metrics.ranking.terms import terms_of
from m3net.metrics.results import QueryResults
from m3net.protocol import Protocol

# A product is fastest over many images, a sort over so few that their scores stay in the cache; of
# fewer, what is done once for each part would cost too much.
SCORES_AT_ONCE = 2**20


class FastRanking:
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
        parts = max(min(ceil(product.negated.size / SCORES_AT_ONCE), len(images)), 1)
        split = zip(images.split(parts), product.split(parts), strict=True)
        return [results for own in split for results in self._rank_part(*own)]

    def _rank_part(self, images: Images, product: Product) -> list[QueryResults]:
        """Order the gallery for some images and judge their queries."""
        parts = []
        for asked in queries_of(images.targets.numpy(), self.protocol):
            own = self._own(images.group.numpy()[asked.rows])
            num_queries, num_gallery = len(asked.rows), len(self._index)
            keys = np.empty((np.count_nonzero(asked.bit == 0), num_gallery), dtype=np.int32)
            write_keys(product.negated, asked, self._carriers, keys)
            keys[asked.order[own[0]], own[1]] = LAST
            ordered = sort_rows(keys)
            num_ranked = num_gallery - np.bincount(own[0], minlength=num_queries)
            judged = Judged.empty(num_queries, len(self.cutoffs), self.top_k)
            cutoffs = np.array(self.cutoffs, dtype=np.int64)
            if not judge(product, asked, keys, ordered, num_ranked, cutoffs, judged):
                return self._rank_plainly(images)
            parts.append(self._results(images.index.numpy(), asked, judged))
        return parts

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

    def _rank_plainly(self, images: Images) -> list[QueryResults]:
        """Do the same by the definition."""
        return list(rank_plainly(images, self._wide, self.protocol, self.cutoffs, self.top_k))

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
