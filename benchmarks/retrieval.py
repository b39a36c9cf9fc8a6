"""All retrieval metrics, relative to the product alone in float64, and two other libraries.

torchmetrics computes MAP and Recall@100 of precomputed scores. Its time is compared with `rank`
including the product, and with `rank` after the product. It takes images with scores of 0 or less
for irrelevant, so all scores are raised. pytorch-metric-learning computes MAP, and MAP@100 in a
second call; a product and a sort of torch find its neighbours. Lists have 10 gallery images, as in
the pictures. Everything runs in one thread, so that no thread waits for another; `all_threads` runs
product and ranking in as many threads as there are cores.
"""

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from numpy.typing import DTypeLike
from pytorch_metric_learning.distances import DotProductSimilarity
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN
from threadpoolctl import threadpool_limits
from torch import Tensor
from torchmetrics.retrieval import RetrievalMAP, RetrievalRecall

from benchmarks.__main__ import Figure
from benchmarks.galleries import Task, deepfashion_tasks, fashionai_tasks
from m3net.base.protocol import Protocol
from m3net.metrics import Images, rank
from m3net.metrics.query_results import Criteria
from m3net.metrics.ranking.reference import rank_by_definition

ROUNDS = 7
LISTED = 10
PAUSE = 0.1
BLOCK = 512
Pair = tuple[Images, Images]
MEMORY = {"fashionai": "<=32", "deepfashion": "<=200"}


def measure() -> Iterator[Figure]:
    """Measure the memory, then the times; ratios are medians over the rounds."""
    for name, target in MEMORY.items():
        command = [sys.executable, "-m", "benchmarks.retrieval", name]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        yield Figure(f"retrieval.{name}_extra_memory_mib", float(said), target)
    with _threads(1):
        yield from _measure_fashionai()
        yield from _measure_deepfashion()
    yield from _measure_all_threads()


def _measure_fashionai() -> Iterator[Figure]:
    pairs = [task.draw() for task in fashionai_tasks()]
    lists = {"lists": lambda: [rank(*pair, top_k=LISTED) for pair in pairs]}
    single = {"single": lambda: [_multiply(*pair, dtype=np.float32) for pair in pairs]}
    times = _times({**_fashionai_steps(pairs), **lists, **single})
    yield Figure("retrieval.fashionai_float32_over_product", _ratio(times, "single"))
    for name, target in (("rank", "<=1.5"), ("lists", "-")):
        yield Figure(f"retrieval.fashionai_{name}_over_product", _ratio(times, name), target)
    own = statistics.median(times["rank"])
    plain = _seconds(lambda: [rank_by_definition(*pair, Criteria()) for pair in pairs])
    yield Figure("retrieval.fashionai_plain_over_rank", plain / own)
    theirs = sum(map(_torchmetrics_seconds, pairs))
    yield Figure("retrieval.fashionai_torchmetrics_over_rank", theirs / own)
    after = own - statistics.median(times["product"])
    yield Figure("retrieval.fashionai_torchmetrics_over_rank_of_scores", theirs / after, ">=12")
    theirs = sum(_metric_learning_seconds(pair, None) for pair in pairs)
    yield Figure("retrieval.fashionai_metric_learning_map_over_rank", theirs / own)
    theirs += sum(_metric_learning_seconds(pair, 100) for pair in pairs)
    yield Figure("retrieval.fashionai_metric_learning_over_rank", theirs / own, ">=2")


def _measure_deepfashion() -> Iterator[Figure]:
    product, own, lists = _deepfashion_seconds(0, LISTED)
    yield Figure("retrieval.deepfashion_rank_over_product", own / product, "<=1.6")
    yield Figure("retrieval.deepfashion_lists_over_product", lists / product)


def _measure_all_threads() -> Iterator[Figure]:
    times = _times(_fashionai_steps([task.draw() for task in fashionai_tasks()]))
    ratio = _ratio(times, "rank")
    yield Figure("retrieval.fashionai_rank_over_product_all_threads", ratio)
    product, own = _deepfashion_seconds(0)
    yield Figure("retrieval.deepfashion_rank_over_product_all_threads", own / product)


def _fashionai_steps(pairs: list[Pair]) -> dict[str, Callable[[], object]]:
    """Return the timed steps over all attributes: the product alone, and all metrics."""
    return {
        "product": lambda: [_multiply(*pair) for pair in pairs],
        "rank": lambda: [rank(*pair) for pair in pairs],
    }


def _deepfashion_seconds(*listed: int) -> list[float]:
    """Time the product of all attributes alone, then all metrics, for several list lengths."""
    seconds = [0.0] * (1 + len(listed))
    for task in deepfashion_tasks():
        pair = task.draw()
        seconds[0] += _seconds(partial(_multiply, *pair))
        for place, top_k in enumerate(listed, start=1):
            seconds[place] += _seconds(partial(rank, *pair, protocol="multi", top_k=top_k))
    return seconds


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Limit the threads of torch and numpy, and of the ranking, which reads torch's setting."""
    usual = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(usual)


def _times(steps: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Time the steps in turn, with pauses in which the threads of the last step come to rest."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for done in range(ROUNDS + 1):
        for name, step in steps.items():
            time.sleep(PAUSE)
            seconds = _seconds(step)
            if done:
                times[name].append(seconds)
    return times


def _ratio(times: dict[str, list[float]], name: str) -> float:
    """Return the median over the rounds of a step's time divided by the product's."""
    pairs = zip(times[name], times["product"], strict=True)
    return statistics.median(own / product for own, product in pairs)


def _multiply(queries: Images, gallery: Images, dtype: DTypeLike = np.float64) -> int:
    """Multiply block by block, since all scores would not fit into memory; return their number."""
    ours, theirs = (images.embeddings.numpy().astype(dtype) for images in (queries, gallery))
    blocks = (ours[first : first + BLOCK] for first in range(0, len(ours), BLOCK))
    return sum((block @ theirs.T).size for block in blocks)


def _torchmetrics_seconds(pair: Pair) -> float:
    queries, gallery = pair
    scores = (queries.embeddings @ gallery.embeddings.T + 2).flatten()
    relevant = (queries.targets.float() @ gallery.targets.float().T > 0).flatten()
    query = torch.arange(len(queries)).repeat_interleave(len(gallery))

    def compute() -> list[Tensor]:
        metrics = RetrievalMAP(), RetrievalRecall(top_k=100)
        return [metric(scores, relevant, indexes=query) for metric in metrics]

    return _seconds(compute)


def _metric_learning_seconds(pair: Pair, k: int | None) -> float:
    queries, gallery = (images.embeddings for images in pair)
    query_labels, labels = (images.targets.int().argmax(dim=1) for images in pair)
    neighbours = CustomKNN(DotProductSimilarity(normalize_embeddings=False))
    calculator = AccuracyCalculator(("mean_average_precision",), k=k, knn_func=neighbours)
    return _seconds(lambda: calculator.get_accuracy(queries, query_labels, gallery, labels))


def _seconds(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def _extra_memory(name: str) -> float:
    """Return by how many MiB ranking the largest gallery raises the peak of this process."""
    tasks, protocol = _SIZES[name]
    queries, gallery = max(tasks(), key=lambda task: len(task.targets)).draw()
    few = torch.arange(64)
    rank(queries.select(few), gallery.select(few), protocol=protocol)  # loads libraries and kernels
    before = _peak()
    rank(queries, gallery, protocol=protocol)
    return _peak() - before


def _peak() -> float:
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


_SIZES: dict[str, tuple[Callable[[], Iterator[Task]], Protocol]] = {
    "fashionai": (fashionai_tasks, "single"),
    "deepfashion": (deepfashion_tasks, "multi"),
}

if __name__ == "__main__":
    print(_extra_memory(sys.argv[1]))
