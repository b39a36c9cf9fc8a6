"""Each process ranks the whole gallery for its share of the queries; the results are joined."""

from functools import partial
from math import ceil

import torch
from torch import Tensor

from m3net.base.protocol import Protocol
from m3net.metrics.distributed.exchange import Exchange
from m3net.metrics.distributed.process_group import ProcessGroup
from m3net.metrics.metrics_config import MetricsConfig
from m3net.metrics.query_results import Criteria, QueryResults, QuerySums
from m3net.metrics.ranking import rank
from m3net.metrics.ranking.streaming import rank_streamed

_BLOCK_BYTES = 2**24  # of a gallery that is held whole: what is held twice meanwhile


def rank_share(
    exchange: Exchange,
    queries: Tensor,
    gallery: Tensor,
    *,
    protocol: Protocol,
    config: MetricsConfig,
    block_size: int | None,
) -> QueryResults:
    """Rank the gallery for this process's share of the queries.

    Args:
        exchange: The images of all processes, which must call this together.
        queries: (Q,) int64, rows of the query images.
        gallery: (G,) int64, rows of the gallery images.
        protocol: What a query is.
        config: Which metrics, and how.
        block_size: How many images to score at once; see `rank`. For a streamed gallery, they are
            as many as `MetricsConfig.memory_limit` allows.
    """
    share = exchange.share(queries)
    image_bytes = 4 * max(exchange.length, 1)
    if config.gallery_limit is None or len(gallery) * image_bytes <= config.gallery_limit:
        return rank(
            share,
            exchange.collect(gallery, max(_BLOCK_BYTES // image_bytes, 1)),
            protocol=protocol,
            cutoffs=config.cutoffs,
            top_k=config.top_k,
            block_size=block_size,
            memory_limit=config.memory_limit,
        )
    return rank_streamed(
        share,
        exchange.labels(gallery),
        partial(exchange.blocks, gallery),
        Criteria(protocol, config.cutoffs, config.top_k),
        max_queries=ceil(len(queries) / exchange.processes.size),
        memory_limit=config.memory_limit,
        gallery_limit=config.gallery_limit,
    )


def add_up(sums: QuerySums, processes: ProcessGroup, device: torch.device) -> QuerySums:
    """Return the sums over the queries of all processes, bit-identical in each.

    All processes must call this together, with a device of their backend.
    """
    totals = torch.tensor([list(sums.terms.values())], dtype=torch.float64, device=device)
    counts = torch.tensor([[sums.num_queries, sums.num_without_relevant]], device=device)
    # Summed by rank in each process: an all-reduce might round differently in each.
    total, count = (torch.cat(processes.all_gather(part)).sum(dim=0) for part in (totals, counts))
    return QuerySums(dict(zip(sums.terms, total.tolist(), strict=True)), *count.tolist())


def gather_results(results: QueryResults, processes: ProcessGroup) -> QueryResults:
    """Return the results of all processes, by rank; all must call this together."""
    return QueryResults.combine(
        lambda columns: torch.cat(processes.all_gather(columns[0])), [results]
    )
