"""Settings of the metrics."""

import reprlib
from dataclasses import asdict, dataclass
from typing import Any, get_args

from m3net.errors import ConfigError
from m3net.metrics.query_results import CUTOFFS, WithoutRelevant, are_integers
from m3net.metrics.ranking import MEMORY_LIMIT

_MAX_CUTOFFS = 100
_MAX_TOP_K = 10_000
_MAX_MEMORY = 2**38


@dataclass(frozen=True)
class MetricsConfig:
    """Which metrics are computed, and how."""

    cutoffs: tuple[int, ...] = CUTOFFS
    """Numbers of ranks k for MAP@k, recall@k, hit rate@k and precision@k. Tables on the terminal
    show the last one."""
    without_relevant: WithoutRelevant = "zero"
    """What a query without relevant images does: it scores 0 (zero), or is left out of every mean
    (skip). Such queries are counted and reported either way."""
    top_k: int = 10
    """How many of the best gallery images to keep for each query and to show in pictures; 0 draws
    no galleries."""
    memory_limit: int = MEMORY_LIMIT
    """Bytes for the scores and orders of all threads, on the CPU. For a large gallery a few threads
    may fill it: raise it to use more."""
    gallery_limit: int | None = None
    """Bytes of gallery embeddings that a process may hold besides its own images. A larger gallery
    is streamed in blocks, once for each block of queries that fits memory_limit. None always holds
    the whole gallery, which is faster."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            ConfigError: A value is out of range.
        """
        distinct = are_integers(*self.cutoffs) and len(set(self.cutoffs)) == len(self.cutoffs)
        few = len(self.cutoffs) <= _MAX_CUTOFFS
        positive = min(self.cutoffs, default=0) >= 1
        self._require(
            "cutoffs", distinct and few and positive, f"1 to {_MAX_CUTOFFS} different integers >= 1"
        )
        choices = get_args(WithoutRelevant)
        self._require("without_relevant", self.without_relevant in choices, " or ".join(choices))
        in_range = are_integers(self.top_k) and 0 <= self.top_k <= _MAX_TOP_K
        self._require("top_k", in_range, f"an integer from 0 to {_MAX_TOP_K}")
        in_range = 1 <= self.memory_limit <= _MAX_MEMORY
        self._require("memory_limit", in_range, f"from 1 to {_MAX_MEMORY} bytes")
        in_range = self.gallery_limit is None or self.gallery_limit >= 1
        self._require("gallery_limit", in_range, "1 or more, or none")

    def to_plain(self) -> dict[str, Any]:
        """Return plain values, for a checkpoint.

        Example:
            >>> MetricsConfig(cutoffs=(1, 10)).to_plain()["cutoffs"]
            [1, 10]
        """
        return asdict(self) | {"cutoffs": list(self.cutoffs)}

    def _require(self, name: str, condition: bool, requirement: str) -> None:
        """Raise a ConfigError that names the setting, unless the condition holds."""
        if not condition:
            raise ConfigError(
                f"metrics setting {name} is {reprlib.repr(getattr(self, name))}: it must be "
                f"{requirement}."
            )
