"""What one process ranks for all: the whole gallery, for its share of the queries."""

from functools import partial
from math import ceil
from typing import Any

from torch import Tensor

from m3net.metrics.distributed.exchange import Exchange
from m3net.metrics.metrics_config import MetricsConfig
from m3net.metrics.query_results import QueryResults
from m3net.metrics.ranking import rank
from m3net.metrics.ranking.streaming import rank_streamed
from m3net.protocol import Protocol

_PASSING_BYTES = 2**24  # of a gallery that is held whole, so that hardly more is held twice


def rank_share(
    exchange: Exchange,
    asking: Tensor,
    listed: Tensor,
    *,
    protocol: Protocol,
    config: MetricsConfig,
    block_size: int | None,
) -> QueryResults:
    """Rank the gallery for this process's share of the images that ask.

    Args:
        exchange: The images of all processes, which call this together.
        asking: (Q,) int64, places of the images that ask.
        listed: (G,) int64, places of the gallery.
        protocol: What a query is.
        config: Which metrics, and how.
        block_size: How many images are scored at once; see `rank`. A gallery that passes in blocks
            is scored for as many as `MetricsConfig.memory_limit` allows.
    """
    how: dict[str, Any] = {
        "protocol": protocol,
        "cutoffs": config.cutoffs,
        "top_k": config.top_k,
        "memory_limit": config.memory_limit,
    }
    queries = exchange.share(asking)
    limit, image_bytes = config.gallery_limit, 4 * max(exchange.length, 1)
    if limit is None or len(listed) * image_bytes <= limit:
        gallery = exchange.collect(listed, max(_PASSING_BYTES // image_bytes, 1))
        return rank(queries, gallery, block_size=block_size, **how)
    return rank_streamed(
        queries,
        exchange.labels(listed),
        partial(exchange.blocks, listed),
        most_queries=ceil(len(asking) / exchange.processes.size),
        gallery_limit=limit,
        **how,
    )
