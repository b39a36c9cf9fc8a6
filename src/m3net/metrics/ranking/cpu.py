"""The ranking on a CPU: a float64 product, truncated to integers, and a sort of these.

Results are those of `reference`. The integers decide an order only where they differ by more than
what truncating and rounding can change; all other scores, and those in lists, are computed exactly.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from itertools import pairwise
from math import ceil
from typing import TypeVar

import numpy as np
import torch
from threadpoolctl import ThreadpoolController

from m3net.metrics.embedded_images import Images
from m3net.metrics.query_results import Criteria, QueryResults
from m3net.metrics.ranking.cpu_loops import LAST, PER_SORT, evaluate, lengths, write_keys
from m3net.metrics.ranking.cpu_product import Bools, Floats, Integers, Product
from m3net.metrics.ranking.cpu_queries import Queries, Tallies
from m3net.metrics.ranking.radix_sort import sort_rows
from m3net.metrics.ranking.reference import rank_by_definition

SORTED_SCORES = 2**16
"""How many scores a thread sorts at once; their keys and orders stay in the cache."""

_MAX_BLOCK = 1024  # a larger block makes the product no faster
_MIN_BLOCK = 128  # a smaller block makes it slower than another thread gains
_SCORE_BYTES, _SORT_BYTES = 4, 16  # of a score; of a score that is being sorted: two keys, and room

Work = TypeVar("Work")
Result = TypeVar("Result")


def rank_on_cpu(
    queries: Images,
    gallery: Images,
    criteria: Criteria,
    block_size: int | None,
    memory_limit: int,
) -> QueryResults:
    """Rank the gallery for blocks of query images, in threads; see `rank`.

    Embeddings are float32. The gallery is sorted by index and not empty.
    """
    threads, fitting = _threads_and_block(len(queries), len(gallery), memory_limit)
    blocks = queries.split(max(ceil(len(queries) / (block_size or fitting)), 1))
    ranking = CpuRanking(gallery, criteria)
    return QueryResults.concatenate(_map_in_threads(ranking.rank, blocks, threads))


class CpuRanking:
    """Ranks one gallery for any number of blocks of queries."""

    def __init__(self, gallery: Images, criteria: Criteria) -> None:
        """Prepare the gallery; see `rank_on_cpu`."""
        self.gallery = gallery
        self.criteria = criteria
        self._embeddings: Floats = gallery.embeddings.contiguous().numpy()
        self._longest = float(lengths(self._embeddings).max())
        self._members: Bools = np.ascontiguousarray(gallery.targets.numpy().T)
        self._index: Integers = gallery.index.numpy()
        group: Integers = gallery.group.numpy()
        self._by_group = np.argsort(group, kind="stable")
        self._sorted_groups = group[self._by_group]

    def rank(self, images: Images) -> QueryResults:
        """Rank the gallery for a block of images with float32 embeddings."""
        queries: Floats = images.embeddings.contiguous().numpy()
        product = Product.of(queries, self._embeddings, lengths(queries), self._longest)
        return self._rank(images, product)

    def _rank(self, images: Images, product: Product) -> QueryResults:
        """Sort the gallery by these scores, and evaluate the queries."""
        group, index = images.group.numpy(), images.index.numpy()
        results = []
        for queries in Queries.of(images.targets.numpy(), self.criteria.protocol, PER_SORT):
            tallies = self._tally(product, queries, group[queries.image])
            if tallies is None:
                return self._rank_by_definition(images)
            results.append(self._results(index, queries, tallies))
        return QueryResults.concatenate(results)

    def _tally(self, product: Product, queries: Queries, group: Integers) -> Tallies | None:
        """Evaluate queries of these groups; None if the product is too imprecise."""
        num_queries, num_gallery = len(queries.image), len(self._index)
        excluded_query, excluded_column = self._excluded(group)
        num_ranked = num_gallery - np.bincount(excluded_query, minlength=num_queries)
        cutoffs = np.array(self.criteria.cutoffs, dtype=np.int64)
        tallies = Tallies.empty(num_queries, len(cutoffs), self.criteria.top_k)
        starts = np.flatnonzero(queries.bit == 0)[:: max(SORTED_SCORES // num_gallery, 1)]
        for first, last in pairwise([*starts.tolist(), num_queries]):
            part = queries.part(first, last)
            keys = np.empty((part.ordering[-1] + 1, num_gallery), dtype=np.int32)
            write_keys(product.negated, part, self._members, keys)
            pairs = slice(*np.searchsorted(excluded_query, (first, last)))
            keys[part.ordering[excluded_query[pairs] - first], excluded_column[pairs]] = LAST
            written = tallies.part(first, last)
            ordered = sort_rows(keys)
            if not evaluate(product, part, keys, ordered, num_ranked[first:last], cutoffs, written):
                return None
        return tallies

    def _results(self, index: Integers, queries: Queries, tallies: Tallies) -> QueryResults:
        """Turn tallies into results."""
        is_listed = tallies.top_column >= 0
        no_class = np.full(len(queries.image), -1)
        columns = {
            "query_index": index[queries.image],
            "query_class": queries.classes if self.criteria.protocol == "multi" else no_class,
            "num_relevant": tallies.num_relevant,
            "top_index": np.where(is_listed, self._index[tallies.top_column], -1),
            "top_score": tallies.top_score,
            "top_relevant": tallies.top_relevant,
        }
        terms = tallies.terms(self.criteria.cutoffs)
        return QueryResults(
            terms={name: torch.from_numpy(values) for name, values in terms.items()},
            **{name: torch.from_numpy(values) for name, values in columns.items()},
        )

    def _rank_by_definition(self, images: Images) -> QueryResults:
        return rank_by_definition(images, self._wide_gallery, self.criteria)

    @cached_property
    def _wide_gallery(self) -> Images:
        """The gallery in float64, which few evaluations need."""
        return self.gallery.double()

    def _excluded(self, group: Integers) -> tuple[Integers, Integers]:
        """Return all pairs of a query and a gallery image of its group, as queries and columns."""
        first = np.searchsorted(self._sorted_groups, group, side="left")
        count = np.searchsorted(self._sorted_groups, group, side="right") - first
        query = np.repeat(np.arange(len(group)), count)
        row = np.arange(len(query)) + np.repeat(first - (np.cumsum(count) - count), count)
        return query, self._by_group[row]


def _threads_and_block(num_queries: int, num_gallery: int, memory_limit: int) -> tuple[int, int]:
    """Return the number of threads, and of images that each scores at once; both at least 1.

    Together their scores and orders fit the memory. If memory is short, there are fewer threads
    rather than tiny blocks.
    """
    row_bytes, sort_bytes = _SCORE_BYTES * max(num_gallery, 1), _SORT_BYTES * SORTED_SCORES
    affordable = max(memory_limit // (sort_bytes + _MIN_BLOCK * row_bytes), 1)
    threads = min(affordable, torch.get_num_threads())  # OMP_NUM_THREADS sets the latter
    fitting = (memory_limit // threads - sort_bytes) // row_bytes
    fair = max(ceil(num_queries / threads), _MIN_BLOCK)
    return threads, min(max(fitting, 1), fair, _MAX_BLOCK)


def _map_in_threads(
    function: Callable[[Work], Result], work: Sequence[Work], max_threads: int
) -> list[Result]:
    """Return the results in the order of the work.

    Each thread multiplies on its own. If numpy shared each product among threads, they would idle
    in between, and wait for the slowest each time.
    """
    threads = min(max_threads, len(work))
    if threads < 2:
        return [function(item) for item in work]
    with _thread_libraries().limit(limits=1, user_api="blas"), ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, work))


@cache
def _thread_libraries() -> ThreadpoolController:
    """Find the libraries with thread pools, once: it takes a millisecond."""
    return ThreadpoolController()
