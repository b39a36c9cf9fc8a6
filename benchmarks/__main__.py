"""`python -m benchmarks [NAME ...]`: print every figure as a line `name value target`."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

NAMES = (
    "train_step",
    "loader",
    "prepare",
    "annotations",
    "retrieval",
    "sharing",
    "device_retrieval",
    "bf16_scores",
)


class Figure(NamedTuple):
    """One measured figure."""

    name: str
    value: float
    target: str = "-"
    """The limit, such as "<=1.15"; "-" for none."""


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all of them."""
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        sys.stderr.write(f"unknown benchmark {', '.join(unknown)}; available: {', '.join(NAMES)}\n")
        return 2
    if len(names) != 1:
        # Each in its own process: the memory peak of a process starts with that of its parent.
        command = [sys.executable, "-m", "benchmarks"]
        for name in names or NAMES:
            subprocess.run([*command, name], check=True)
        return 0
    measure = importlib.import_module(f"benchmarks.{names[0]}").measure
    figures: Iterator[Figure] = measure()
    for figure in figures:
        print(f"{figure.name} {figure.value:.3f} {figure.target}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
