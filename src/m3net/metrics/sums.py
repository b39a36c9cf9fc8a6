"""Sums over queries, of which all scores are quotients."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

from m3net.metrics.query_results import QueryResults, WithoutRelevant


@dataclass(frozen=True)
class QuerySums:
    """Sums over some queries; those of several parts add up to those of all.

    Attributes:
        terms: For each of `metric_names` the sum of what the queries score.
        num_queries: How many they are.
        num_without_relevant: How many of them have no relevant image.
    """

    terms: dict[str, float]
    num_queries: int
    num_without_relevant: int

    @classmethod
    def of(cls, results: QueryResults) -> "QuerySums":
        """Sum over these queries, in float64."""
        terms = {name: values.sum().item() for name, values in results.terms.items()}
        return cls(terms, len(results), results.num_without_relevant)

    @classmethod
    def total(cls, parts: Sequence["QuerySums"]) -> "QuerySums":
        """Add up parts, at least one, which have the same metrics."""
        return cls(
            {name: sum(part.terms[name] for part in parts) for name in parts[0].terms},
            sum(part.num_queries for part in parts),
            sum(part.num_without_relevant for part in parts),
        )

    def means(self, without_relevant: WithoutRelevant = "zero") -> dict[str, float]:
        """Give each metric; NaN where no query counts.

        Args:
            without_relevant: Whether a query with nothing to find counts as 0 or is left out.

        Example:
            >>> QuerySums({"map_all": 1.5}, num_queries=3, num_without_relevant=1).means("skip")
            {'map_all': 0.75}
        """
        # A query with nothing to find adds 0 to every sum: to leave it out changes the divisor.
        left_out = self.num_without_relevant if without_relevant == "skip" else 0
        count = self.num_queries - left_out
        return {name: total / count if count else nan for name, total in self.terms.items()}
