"""What a ranking gives: a record of each query."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal

import torch
from torch import Tensor

CUTOFFS = (100,)
WithoutRelevant = Literal["zero", "skip"]
"""What a query without a relevant image does: it scores 0 and counts, or is left out of means."""


def metric_names(cutoffs: Sequence[int]) -> tuple[str, ...]:
    """Give the names of all metrics; `functional` defines them.

    Args:
        cutoffs: Numbers of ranks that count, k of MAP@k and its like.

    Example:
        >>> metric_names([10])  # doctest: +NORMALIZE_WHITESPACE
        ('map_all', 'r_precision',
         'map_10', 'map_10_by_min', 'recall_10', 'hit_rate_10', 'precision_10')
    """
    forms = ("map_{}", "map_{}_by_min", "recall_{}", "hit_rate_{}", "precision_{}")
    return ("map_all", "r_precision", *(form.format(k) for k in cutoffs for form in forms))


@dataclass(frozen=True)
class QueryResults:
    """What became of each of Q queries, in the order of the queries.

    Attributes:
        query_index: (Q,) int64, the image index of each query.
        query_class: (Q,) int64 in 0 .. K-1, the class that the query asks for under the protocol
            "multi"; -1 under "single".
        num_relevant: (Q,) int64, R: relevant images in the query's gallery, without those of the
            query's own product.
        terms: For each of `metric_names` (Q,) float64 in [0, 1], of which the metric is the mean:
            "map_all" is the average precision of each query.
        top_index: (Q, top_k) int64, gallery indices from the best on; -1 where there are no more.
        top_score: (Q, top_k) float32, their scores; -inf where there are no more.
        top_relevant: (Q, top_k) bool, whether they are relevant.
    """

    query_index: Tensor
    query_class: Tensor
    num_relevant: Tensor
    terms: dict[str, Tensor]
    top_index: Tensor
    top_score: Tensor
    top_relevant: Tensor

    def __len__(self) -> int:
        """Give the number of queries Q."""
        return len(self.query_index)

    @property
    def num_without_relevant(self) -> int:
        """Number of queries that have no relevant image."""
        return int((self.num_relevant == 0).sum())

    def means(self, without_relevant: WithoutRelevant = "zero") -> dict[str, Tensor]:
        """Give each metric as a float64 scalar; NaN where no query counts.

        Args:
            without_relevant: Whether a query with nothing to find counts as 0 or is left out.
        """
        counts = self.num_relevant > 0 if without_relevant == "skip" else slice(None)
        return {name: values[counts].mean() for name, values in self.terms.items()}

    def select(self, rows: Tensor) -> "QueryResults":
        """Give some of the queries: `rows` is a bool mask (Q,), or int64 row numbers."""
        names = [field.name for field in fields(self) if field.name != "terms"]
        terms = {name: values[rows] for name, values in self.terms.items()}
        return QueryResults(terms=terms, **{name: getattr(self, name)[rows] for name in names})

    def replace(self, rows: Tensor, others: "QueryResults") -> "QueryResults":
        """Give the results with those of some queries, at int64 rows, replaced by others."""
        names = [field.name for field in fields(self) if field.name != "terms"]
        terms = {
            name: values.index_copy(0, rows, others.terms[name])
            for name, values in self.terms.items()
        }
        columns = {
            name: getattr(self, name).index_copy(0, rows, getattr(others, name)) for name in names
        }
        return QueryResults(terms=terms, **columns)

    @classmethod
    def concatenate(cls, parts: Sequence["QueryResults"]) -> "QueryResults":
        """Join the results of several blocks of queries, which have the same metrics."""
        names = [field.name for field in fields(cls) if field.name != "terms"]
        columns = {name: torch.cat([getattr(part, name) for part in parts]) for name in names}
        terms = {name: torch.cat([part.terms[name] for part in parts]) for name in parts[0].terms}
        return cls(terms=terms, **columns)
