"""What processes found, each for its share of the queries, put together."""

from dataclasses import fields

import torch

from m3net.metrics.distributed.process_group import Processes
from m3net.metrics.query_results import QueryResults
from m3net.metrics.sums import QuerySums


def add_up(sums: QuerySums, processes: Processes, device: torch.device) -> QuerySums:
    """Give the sums over the queries of all processes, the same to the bit in each.

    Args:
        sums: Those over the queries of this process.
        processes: All of them call this together.
        device: Where the sums travel.
    """
    totals = torch.tensor([list(sums.terms.values())], dtype=torch.float64, device=device)
    counts = torch.tensor([[sums.num_queries, sums.num_without_relevant]], device=device)
    # Summed in the order of the ranks: a reduction on the way might round otherwise in each.
    total, count = (torch.cat(processes.gather(own)).sum(dim=0) for own in (totals, counts))
    return QuerySums(dict(zip(sums.terms, total.tolist(), strict=True)), *count.tolist())


def gather_results(results: QueryResults, processes: Processes) -> QueryResults:
    """Give what became of the queries of all processes, by rank.

    Args:
        results: What became of those of this process.
        processes: All of them call this together.
    """
    names = [field.name for field in fields(QueryResults) if field.name != "terms"]
    columns = {name: torch.cat(processes.gather(getattr(results, name))) for name in names}
    terms = {name: torch.cat(processes.gather(own)) for name, own in results.terms.items()}
    return QueryResults(terms=terms, **columns)
