"""What users choose about the metrics."""

import reprlib
from dataclasses import asdict, dataclass
from typing import Any, get_args

from m3net.errors import ConfigError
from m3net.metrics.query_results import CUTOFFS, WithoutRelevant
from m3net.metrics.ranking import MEMORY_LIMIT

_MOST_CUTOFFS = 100
_MOST_SHOWN = 10_000
_MOST_MEMORY = 2**38


@dataclass(frozen=True)
class MetricsConfig:
    """Which metrics are computed, and how.

    Attributes:
        cutoffs: Numbers of ranks k for MAP@k, Recall@k, hit rate@k and precision@k; tables on the
            terminal show the last one.
        without_relevant: A query without a relevant image scores 0 and counts (zero), or is left
            out of every mean (skip). Such queries are counted and reported either way.
        top_k: How many of the best gallery images are kept for each query and shown in pictures; 0
            draws no galleries.
        memory_limit: Bytes that the scores and orders of all threads may take, on the CPU. For a
            large gallery a few threads may fill it: more makes room for others.
        gallery_limit: Bytes of gallery embeddings that a process may hold beside its own images.
            A larger gallery passes in blocks, once for each block of queries that memory_limit
            allows. None holds any gallery whole, which is faster.
    """

    cutoffs: tuple[int, ...] = CUTOFFS
    without_relevant: WithoutRelevant = "zero"
    top_k: int = 10
    memory_limit: int = MEMORY_LIMIT
    gallery_limit: int | None = None

    def __post_init__(self) -> None:
        """Refuse settings out of range.

        Raises:
            ConfigError: A value is out of its range.
        """
        distinct = len(set(self.cutoffs)) == len(self.cutoffs)
        few = len(self.cutoffs) <= _MOST_CUTOFFS
        good = distinct and few and min(self.cutoffs, default=0) >= 1
        self._check_range("cutoffs", good, f"1 to {_MOST_CUTOFFS} different numbers of 1 or more")
        choices = get_args(WithoutRelevant)
        known = self.without_relevant in choices
        self._check_range("without_relevant", known, " or ".join(choices))
        self._check_range("top_k", 0 <= self.top_k <= _MOST_SHOWN, f"from 0 to {_MOST_SHOWN}")
        fits = 1 <= self.memory_limit <= _MOST_MEMORY
        self._check_range("memory_limit", fits, f"from 1 to {_MOST_MEMORY} bytes")
        fits = self.gallery_limit is None or self.gallery_limit >= 1
        self._check_range("gallery_limit", fits, "1 or more, or none")

    def to_plain(self) -> dict[str, Any]:
        """Return plain values, as a checkpoint holds them.

        Example:
            >>> MetricsConfig(cutoffs=(1, 10)).to_plain()["cutoffs"]
            [1, 10]
        """
        return asdict(self) | {"cutoffs": list(self.cutoffs)}

    def _check_range(self, name: str, good: bool, range_in_words: str) -> None:
        """Raise a ConfigError that names the setting, unless it is good."""
        if not good:
            raise ConfigError(
                f"metrics setting {name} is {reprlib.repr(getattr(self, name))}: it must be "
                f"{range_in_words}."
            )
