"""From embeddings to what became of each query.

`blocks` is the way in. `plain` ranks by the definition. `fast` does the same at a multiple of the
speed, by way of `product`, `relevance`, `loops` and `terms`, in `threads`. `device`
does it on a GPU of CUDA, by way of `labels` and `kernels`. `passes` ranks a gallery that is never
held whole.
"""

from m3net.metrics.ranking.rank import MEMORY_LIMIT, rank

__all__ = ["MEMORY_LIMIT", "rank"]
