"""Arrays that the compiled loops of the CPU ranking read and write: queries, and their tallies."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from m3net.base.protocol import Protocol
from m3net.metrics.ranking.cpu_product import Bools, Doubles, Floats, Integers


class Queries(NamedTuple):
    """The n queries of some images; queries of one image may share a sort of the gallery.

    Attributes:
        image: (n,) int64, the image of each query.
        ordering: (n,) int64, ascending from 0 without gaps, the sort that it uses.
        bit: (n,) int64, 0 for the first query of an ordering, 1 for the next.
        bounds: (n + 1,) int64; query q asks for any of `classes[bounds[q]:bounds[q + 1]]`.
        classes: (m,) int64.
    """

    image: Integers
    ordering: Integers
    bit: Integers
    bounds: Integers
    classes: Integers

    @classmethod
    def of(cls, targets: Bools, protocol: Protocol, per_sort: int) -> Iterator["Queries"]:
        """Yield the queries of b images with (b, K) targets, at most b queries at a time.

        At most `per_sort` queries share an ordering.

        Example:
            >>> targets = np.array([[True, False], [True, True], [False, False]])
            >>> [single] = Queries.of(targets, "single", per_sort=2)
            >>> single.image, single.bounds, single.classes
            (array([0, 1, 2]), array([0, 1, 3, 3]), array([0, 0, 1]))
            >>> [multi] = Queries.of(targets, "multi", per_sort=2)
            >>> multi.image, multi.ordering, multi.bit, multi.classes
            (array([0, 1, 1]), array([0, 1, 1]), array([0, 0, 1]), array([0, 0, 1]))
        """
        rows, classes = np.nonzero(targets)
        if protocol == "single":
            images = np.arange(len(targets))
            bounds = np.searchsorted(rows, np.arange(len(targets) + 1))
            yield cls(images, images, np.zeros_like(images), bounds, classes)
            return
        for first in range(0, max(len(rows), 1), max(len(targets), 1)):
            image = rows[first : first + len(targets)]
            bit = (np.arange(len(image)) - np.searchsorted(image, image)) % per_sort
            ordering = np.cumsum(bit == 0) - 1
            bounds = np.arange(len(image) + 1)
            yield cls(image, ordering, bit, bounds, classes[first : first + len(targets)])

    def part(self, first: int, last: int) -> "Queries":
        """Return queries first .. last - 1, with orderings counted from 0."""
        return Queries(
            self.image[first:last],
            self.ordering[first:last] - self.ordering[first],
            self.bit[first:last],
            self.bounds[first : last + 1],
            self.classes,
        )


class Tallies(NamedTuple):
    """Counts, sums and lists of n queries with C cutoffs, from which metrics are computed.

    Attributes:
        num_relevant: (n,) int64, R.
        precision: (n,) float64, the sum of the precision at each hit.
        hits_in_r: (n,) int64, hits within the first R ranks.
        hits: (n, C) int64, hits within each cutoff.
        cutoff_precision: (n, C) float64, the sum of the precision at these hits.
        top_column: (n, top_k) int64, the best gallery images; padded with -1.
        top_score: (n, top_k) float32, their scores; padded with -inf.
        top_relevant: (n, top_k) bool, whether they are relevant; padded with False.
    """

    num_relevant: Integers
    precision: Doubles
    hits_in_r: Integers
    hits: Integers
    cutoff_precision: Doubles
    top_column: Integers
    top_score: Floats
    top_relevant: Bools

    @classmethod
    def empty(cls, num_queries: int, num_cutoffs: int, top_k: int) -> "Tallies":
        """Allocate tallies, to be written by `cpu_loops.evaluate`."""
        return cls(
            num_relevant=np.zeros(num_queries, dtype=np.int64),
            precision=np.zeros(num_queries),
            hits_in_r=np.zeros(num_queries, dtype=np.int64),
            hits=np.zeros((num_queries, num_cutoffs), dtype=np.int64),
            cutoff_precision=np.zeros((num_queries, num_cutoffs)),
            top_column=np.full((num_queries, top_k), -1),
            top_score=np.full((num_queries, top_k), -np.inf, dtype=np.float32),
            top_relevant=np.zeros((num_queries, top_k), dtype=bool),
        )

    def part(self, first: int, last: int) -> "Tallies":
        """Return a view of queries first .. last - 1."""
        return Tallies._make(column[first:last] for column in self)

    def terms(self, cutoffs: Sequence[int]) -> dict[str, Doubles]:
        """Return each query's values, (n,) float64 for each of `metric_names`, in their order."""
        count = self.num_relevant
        one_or_count = np.maximum(count, 1)
        terms = {
            "map_all": self.precision / one_or_count,
            "r_precision": self.hits_in_r / one_or_count,
        }
        for k, hits, total in zip(cutoffs, self.hits.T, self.cutoff_precision.T, strict=True):
            terms |= {
                f"map_{k}": total / np.maximum(hits, 1),
                f"map_{k}_by_min": total / np.clip(count, 1, k),
                f"recall_{k}": hits / one_or_count,
                f"hit_rate_{k}": (hits > 0).astype(np.float64),
                f"precision_{k}": hits / k,
            }
        return terms
