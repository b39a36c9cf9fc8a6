"""All retrieval metrics on a GPU, relative to the product of queries and gallery alone.

Times are divided by that of the TF32 product, the fastest that keeps the range of float32. Rankings
use exact scores or TF32 scores; lists have 10 gallery images.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from functools import partial
from math import inf
from typing import get_args

import torch

from benchmarks.__main__ import Figure
from benchmarks.galleries import Task, deepfashion_tasks, fashionai_tasks
from m3net.base.protocol import Protocol
from m3net.metrics import Images, QueryResults, rank
from m3net.metrics.ranking.gpu import Scores

ROUNDS = 7
LISTED = 10
Pair = tuple[Images, Images]


def measure() -> Iterator[Figure]:
    """Measure FashionAI's size, then DeepFashion's; yield nothing without a GPU."""
    if not torch.cuda.is_available():
        sys.stderr.write("device_retrieval needs a CUDA device, and there is none: skipped\n")
        return
    sys.stderr.write(f"device_retrieval on {torch.cuda.get_device_name()}\n")
    yield from _measure("fashionai", fashionai_tasks(), "single")
    yield from _measure("deepfashion", deepfashion_tasks(), "multi")


def _measure(name: str, tasks: Iterator[Task], protocol: Protocol) -> Iterator[Figure]:
    drawn = [task.draw() for task in tasks]
    pairs = [_on_device(*pair) for pair in drawn]

    def ranked(scores: Scores, top_k: int) -> list[QueryResults]:
        return [rank(*pair, protocol=protocol, top_k=top_k, scores=scores) for pair in pairs]

    product = {
        "product_bf16": _product(pairs, torch.bfloat16),
        "product_float32": _product(pairs, torch.float32),
        "product_float64": _product(pairs, torch.float64),
    }
    tf32 = _median(_product(pairs, torch.float32), ROUNDS, precision="high")
    yield Figure(f"device_retrieval.{name}_product_tf32_ms", 1000 * tf32)
    for step, multiply in product.items():
        yield Figure(f"device_retrieval.{name}_{step}_over_tf32", _median(multiply, ROUNDS) / tf32)
    for scores in get_args(Scores):
        for step, top_k in (("rank", 0), ("lists", LISTED)):
            # The user's TF32 setting must not change exact scores.
            own = _median(partial(ranked, scores, top_k), ROUNDS, precision="high")
            target = "<=3" if (step, scores) == ("rank", "tf32") else "-"
            figure = f"device_retrieval.{name}_{step}_{scores}_over_tf32"
            yield Figure(figure, own / tf32, target)
        extra = _extra_memory(partial(ranked, scores, 0))
        yield Figure(f"device_retrieval.{name}_extra_memory_{scores}_mib", extra)
    found = ranked("exact", LISTED)
    # Only the smallest: on the CPU all would take long.
    least = min(range(len(drawn)), key=lambda place: len(drawn[place][1]))
    on_cpu = rank(*drawn[least], protocol=protocol, top_k=LISTED)
    off = _difference([found[least]], [on_cpu])
    yield Figure(f"device_retrieval.{name}_off_cpu_in_1e-12", 1e12 * off, "<=1")


def _on_device(queries: Images, gallery: Images) -> Pair:
    ours, theirs = (
        Images(*(column.cuda() for column in (own.embeddings, own.targets, own.index)))
        for own in (queries, gallery)
    )
    return (theirs, theirs) if queries is gallery else (ours, theirs)


def _product(pairs: Sequence[Pair], dtype: torch.dtype) -> Callable[[], object]:
    """Return a step that multiplies embeddings, which are converted to the type beforehand."""
    own = [[images.embeddings.to(dtype) for images in pair] for pair in pairs]
    # Only the last scores are kept, as a ranking keeps one block.
    return lambda: [(queries @ gallery.T).shape for queries, gallery in own]


def _median(step: Callable[[], object], rounds: int, precision: str = "highest") -> float:
    """Return the median seconds of a step over some rounds, after a warm-up.

    Args:
        step: The function to time.
        rounds: Number of rounds.
        precision: Precision of float32 products; "high" is TF32.
    """
    torch.set_float32_matmul_precision(precision)
    seconds = []
    for _ in range(rounds + 1):
        torch.cuda.synchronize()
        start = time.perf_counter()
        step()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    torch.set_float32_matmul_precision("highest")
    return statistics.median(seconds[1:])


def _extra_memory(step: Callable[[], object]) -> float:
    """Return by how many MiB a step raises the peak of allocated device memory."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    step()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


def _difference(ours: Sequence[QueryResults], theirs: Sequence[QueryResults]) -> float:
    """Return the largest difference of a term between two rankings; inf if the rest differs."""
    most = 0.0
    for own, other in zip(ours, theirs, strict=True):
        names = [field.name for field in fields(own) if field.name not in ("terms", "top_score")]
        columns = [[getattr(results, name).cpu() for name in names] for results in (own, other)]
        if not all(map(torch.equal, *columns)):
            return inf
        for name, values in own.terms.items():
            most = max(most, float((values.cpu() - other.terms[name].cpu()).abs().max()))
    return most
