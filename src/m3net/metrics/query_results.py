"""Results of a ranking, one row for each query, and their sums."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from math import nan
from numbers import Integral
from typing import Literal, get_args

import torch
from torch import Tensor

from m3net.base.protocol import Protocol

CUTOFFS = (100,)
WithoutRelevant = Literal["zero", "skip"]
"""What a query without relevant images does: score 0, or be left out of means."""


def metric_names(cutoffs: Sequence[int]) -> tuple[str, ...]:
    """Return the names of all metrics, with cutoffs k; `functional` defines them.

    Example:
        >>> metric_names([10])  # doctest: +NORMALIZE_WHITESPACE
        ('map_all', 'r_precision',
         'map_10', 'map_10_by_min', 'recall_10', 'hit_rate_10', 'precision_10')
    """
    forms = ("map_{}", "map_{}_by_min", "recall_{}", "hit_rate_{}", "precision_{}")
    return ("map_all", "r_precision", *(form.format(k) for k in cutoffs for form in forms))


def are_integers(*numbers: object) -> bool:
    """Return whether all numbers are integers of Python or numpy; 5.0 is not."""
    return all(isinstance(number, Integral) for number in numbers)


@dataclass(frozen=True)
class Criteria:
    """What a query is, and what is computed for it."""

    protocol: Protocol = "single"
    """Whether a query is an image, or an image and one of its classes."""
    cutoffs: Sequence[int] = CUTOFFS
    """Numbers of ranks k, for MAP@k, recall@k and so on."""
    top_k: int = 0
    """How many of the best gallery images to keep for each query."""

    def __post_init__(self) -> None:
        """Check all values.

        Raises:
            ValueError: The protocol is unknown, a cutoff is no integer, below 1 or repeated, or
                top_k is no integer or negative.
        """
        protocols = get_args(Protocol)
        if self.protocol not in protocols:
            raise ValueError(f"unknown protocol {self.protocol!r}; choose {' or '.join(protocols)}")
        if not are_integers(*self.cutoffs, self.top_k):
            raise ValueError(
                f"cutoffs {tuple(self.cutoffs)} and top_k {self.top_k} must be integers"
            )
        if min(self.cutoffs, default=1) < 1 or len(set(self.cutoffs)) < len(self.cutoffs):
            raise ValueError(f"cutoffs must be at least 1 and differ, not {tuple(self.cutoffs)}")
        if self.top_k < 0:
            raise ValueError(f"top_k must be at least 0, not {self.top_k}")


@dataclass(frozen=True)
class QueryResults:
    """Per-query results of one ranking, for Q queries."""

    query_index: Tensor
    """(Q,) int64, the image index of each query."""
    query_class: Tensor
    """(Q,) int64 in 0 .. K-1, the class of the query under the protocol "multi"; -1 under
    "single"."""
    num_relevant: Tensor
    """(Q,) int64, R: relevant gallery images, without those of the query's product."""
    terms: dict[str, Tensor]
    """For each of `metric_names` (Q,) float64 in [0, 1], the values whose mean is the metric:
    "map_all" holds average precisions."""
    top_index: Tensor
    """(Q, top_k) int64, indices of the best gallery images, best first; padded with -1."""
    top_score: Tensor
    """(Q, top_k) float32, their scores; padded with -inf."""
    top_relevant: Tensor
    """(Q, top_k) bool, whether they are relevant; padded with False."""

    def __len__(self) -> int:
        """Return the number of queries Q."""
        return len(self.query_index)

    @property
    def num_without_relevant(self) -> int:
        """Number of queries without relevant images."""
        return int((self.num_relevant == 0).sum())

    def means(self, without_relevant: WithoutRelevant = "zero") -> dict[str, Tensor]:
        """Return each metric as a float64 scalar; NaN where no query counts."""
        counts = self.num_relevant > 0 if without_relevant == "skip" else slice(None)
        return {name: values[counts].mean() for name, values in self.terms.items()}

    def select(self, rows: Tensor) -> "QueryResults":
        """Return some of the queries; `rows` is a (Q,) bool mask or holds int64 row numbers."""
        return self.combine(lambda columns: columns[0][rows], [self])

    def replace(self, rows: Tensor, others: "QueryResults") -> "QueryResults":
        """Return a copy in which other results take the given int64 rows."""
        return self.combine(lambda pair: pair[0].index_copy(0, rows, pair[1]), [self, others])

    @classmethod
    def concatenate(cls, parts: Sequence["QueryResults"]) -> "QueryResults":
        """Join results of several blocks of queries, with the same metrics."""
        return cls.combine(torch.cat, parts)

    @classmethod
    def combine(
        cls, function: Callable[[list[Tensor]], Tensor], parts: Sequence["QueryResults"]
    ) -> "QueryResults":
        """Apply a function to each column of some results.

        Args:
            function: Takes one column of each part, and returns the column of the result.
            parts: Results with the same metrics, at least one.
        """
        names = [field.name for field in fields(cls) if field.name != "terms"]
        columns = {name: function([getattr(part, name) for part in parts]) for name in names}
        terms = {name: function([part.terms[name] for part in parts]) for name in parts[0].terms}
        return cls(terms=terms, **columns)


@dataclass(frozen=True)
class QuerySums:
    """Sums over queries; every metric is such a sum divided by a count."""

    terms: dict[str, float]
    """For each of `metric_names` the sum over queries."""
    num_queries: int
    num_without_relevant: int
    """Number of the queries without relevant images."""

    @classmethod
    def of(cls, results: QueryResults) -> "QuerySums":
        """Sum up results, in float64."""
        terms = {name: values.sum().item() for name, values in results.terms.items()}
        return cls(terms, len(results), results.num_without_relevant)

    @classmethod
    def total(cls, parts: Sequence["QuerySums"]) -> "QuerySums":
        """Add up at least one part; all have the same metrics."""
        return cls(
            {name: sum(part.terms[name] for part in parts) for name in parts[0].terms},
            sum(part.num_queries for part in parts),
            sum(part.num_without_relevant for part in parts),
        )

    def means(self, without_relevant: WithoutRelevant = "zero") -> dict[str, float]:
        """Return each metric; NaN where no query counts.

        Example:
            >>> QuerySums({"map_all": 1.5}, num_queries=3, num_without_relevant=1).means("skip")
            {'map_all': 0.75}
        """
        # A query without relevant images adds 0 to each sum, so skipping it changes the count only.
        skipped = self.num_without_relevant if without_relevant == "skip" else 0
        count = self.num_queries - skipped
        return {name: total / count if count else nan for name, total in self.terms.items()}
