"""MAP over all ranks of scores rounded to bfloat16, in percent; no time is measured.

Rounding creates ties. If nothing orders them, MAP lies between that of the worst order and that of
the best, which has relevant images first.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.__main__ import Figure
from benchmarks.galleries import fashionai_tasks
from m3net.metrics import Images, average_precision, rank
from m3net.metrics.ranking.reference import exact_scores


def measure() -> Iterator[Figure]:
    """Measure over all queries of FashionAI's eight attributes."""
    pairs = [task.draw() for task in fashionai_tasks()]
    ours = torch.cat([rank(*pair).terms["map_all"] for pair in pairs])
    yield Figure("bf16_scores.map_all_of_float32", 100 * float(ours.mean()))
    rounded = [_average_precisions(*pair) for pair in pairs]
    for order in rounded[0]:
        terms = np.concatenate([own[order] for own in rounded])
        yield Figure(f"bf16_scores.map_all_of_bf16_{order}", 100 * float(terms.mean()))


def _average_precisions(queries: Images, gallery: Images) -> dict[str, NDArray[np.float64]]:
    """Return each query's average precision of rounded scores, by the order of ties."""
    scores = exact_scores(queries.embeddings, gallery.embeddings).bfloat16().float().numpy()
    relevant = (queries.targets.float() @ gallery.targets.float().T > 0).numpy()
    first = {
        "ties_by_index": np.broadcast_to(np.arange(len(gallery)), scores.shape),
        "ties_best": ~relevant,
        "ties_worst": relevant,
    }
    count = torch.from_numpy(relevant.sum(axis=1))
    found = {}
    for name, ties in first.items():
        order = np.lexsort((ties, -scores), axis=1)
        ranked = torch.from_numpy(np.take_along_axis(relevant, order, axis=1))
        found[name] = average_precision(ranked, count).numpy()
    return found
