"""A training step of M3-Net, relative to one of its bare backbone, in time and peak memory.

All steps run in one loop, so that a slowdown of the machine affects them equally.
"""

import statistics
import sys
import time
from collections.abc import Iterator

import torch

from benchmarks.__main__ import Figure
from benchmarks.peak_memory import peak_memory
from benchmarks.steps import BATCH, STEPS

ROUNDS = 7
TIME = {"m3net": "<=1.15", "deepfashion": "<=1.35"}
MEMORY = {"m3net": "-", "deepfashion": "<=1.5"}


def measure() -> Iterator[Figure]:
    """Measure the peaks, then the times; ratios of times are medians over the rounds."""
    yield from _measure_memory()
    yield from _measure_time()


def _measure_memory() -> Iterator[Figure]:
    peaks: dict[str, float] = {}
    for name in STEPS:
        sys.stderr.write(f"\rtrain_step: memory, {name}   ")
        peaks[name] = peak_memory(name)
    sys.stderr.write("\n")
    for name, peak in peaks.items():
        yield Figure(f"train_step.{name}_peak_memory_gib", peak)
    for name, target in MEMORY.items():
        ratio = peaks[name] / peaks["bare"]
        yield Figure(f"train_step.{name}_peak_memory_over_bare", ratio, target)


def _measure_time() -> Iterator[Figure]:
    times = _time_in_turn()
    for name, seconds in times.items():
        yield Figure(f"train_step.{name}_images_per_s", BATCH / statistics.median(seconds))
    for name, target in TIME.items():
        pairs = zip(times[name], times["bare"], strict=True)
        ratio = statistics.median(full / bare for full, bare in pairs)
        best = min(times[name]) / min(times["bare"])
        yield Figure(f"train_step.{name}_over_bare", ratio, target)
        yield Figure(f"train_step.{name}_over_bare_best_of_each", best, target)


def _time_in_turn() -> dict[str, list[float]]:
    """Return the seconds of each step in each round; a first round warms up and does not count."""
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    steps = {name: build(device) for name, build in STEPS.items()}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for done in range(ROUNDS + 1):
        for name, step in steps.items():
            sys.stderr.write(f"\rtrain_step: round {done} of {ROUNDS}, {name}   ")
            start = time.perf_counter()
            step()
            if device == "cuda":
                torch.cuda.synchronize()
            if done:
                times[name].append(time.perf_counter() - start)
    sys.stderr.write("\n")
    return times
