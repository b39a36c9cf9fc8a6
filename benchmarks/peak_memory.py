"""`python -m benchmarks.peak_memory STEP`: print the peak memory of a training step in GiB.

The high-water mark of a process never falls, so each step needs its own process. The memory of the
imports is subtracted: it is the same for every step and would hide their difference.
"""

import subprocess
import sys

import torch

from benchmarks.resident import peak_gib
from benchmarks.steps import STEPS

ROUNDS = 3


def peak_memory(name: str) -> float:
    """Return the peak memory of a step in a new process, in GiB.

    On Linux a new process starts with its parent's mark: call this before the parent has grown.
    """
    command = [sys.executable, "-m", "benchmarks.peak_memory", name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def main(name: str) -> None:
    """Run a step a few times, so that the optimizer has its state, and print the peak."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    imports = _mark(device)
    step = STEPS[name](device)
    for _ in range(ROUNDS):
        step()
    print(_mark(device) - imports)


def _mark(device: str) -> float:
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return peak_gib()


if __name__ == "__main__":
    main(sys.argv[1])
