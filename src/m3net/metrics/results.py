"""What a ranking gives: a record of each query."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

METRICS = ("map_all", "map_100", "map_100_by_min", "recall_100")


@dataclass(frozen=True)
class QueryResults:
    """What became of each of Q queries, in the order of the queries.

    Attributes:
        query_index: (Q,) int64, the image index of each query.
        query_class: (Q,) int64 in 0 .. K-1, the class that the query asks for under the protocol
            "multi"; -1 under "single".
        num_relevant: (Q,) int64, R: relevant images in the query's gallery, itself excluded.
        average_precision: (Q,) float64, over all R relevant images.
        average_precision_100: (Q,) float64, of the first 100 ranks, divided by the hits in them.
        average_precision_100_by_min: (Q,) float64, the same divided by min(100, R).
        recall_100: (Q,) float64, hits in the first 100 ranks divided by R.
        top_index: (Q, top_k) int64, gallery indices from the best on; -1 where there are no more.
        top_score: (Q, top_k) float32, their scores; -inf where there are no more.
        top_relevant: (Q, top_k) bool, whether they are relevant.
    """

    query_index: Tensor
    query_class: Tensor
    num_relevant: Tensor
    average_precision: Tensor
    average_precision_100: Tensor
    average_precision_100_by_min: Tensor
    recall_100: Tensor
    top_index: Tensor
    top_score: Tensor
    top_relevant: Tensor

    def __len__(self) -> int:
        """Give the number of queries Q."""
        return len(self.query_index)

    @property
    def num_without_relevant(self) -> int:
        """Number of queries that have no relevant image: they score 0 and count."""
        return int((self.num_relevant == 0).sum())

    @property
    def terms(self) -> dict[str, Tensor]:
        """For each of `METRICS` the (Q,) float64 values whose mean over queries it is."""
        values = (
            self.average_precision,
            self.average_precision_100,
            self.average_precision_100_by_min,
            self.recall_100,
        )
        return dict(zip(METRICS, values, strict=True))

    @classmethod
    def concatenate(cls, parts: Sequence["QueryResults"]) -> "QueryResults":
        """Join the results of several blocks of queries."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})
