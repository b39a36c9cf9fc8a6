"""Ranking: from embeddings to per-query results.

`rank` is the entry point. `reference` ranks by definition; the others agree with it. `cpu` is many
times as fast, with `cpu_product`, `cpu_queries`, `cpu_loops` and `radix_sort`. `gpu` runs on CUDA
devices, with `gpu_labels` and `gpu_kernels`. `streaming` ranks a gallery that does not fit.
"""

from m3net.metrics.ranking.rank import MEMORY_LIMIT, rank

__all__ = ["MEMORY_LIMIT", "rank"]
