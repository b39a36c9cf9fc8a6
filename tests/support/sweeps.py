"""Sweeps for tests, which differ in their method and hyper-parameters alone."""

from typing import Any

from m3net.boundary.typed import read_as
from m3net.workflows.studies.sweep_file import METRIC, Sweep


def sweep_of(method: str, parameters: dict[str, dict[str, Any]]) -> Sweep:
    """Return a sweep of a command without any other flags."""
    plain = {
        "name": "own",
        "method": method,
        "metric": {"name": METRIC, "goal": "maximize"},
        "parameters": parameters,
        "command": ["m3net", "fit", "${args}"],
    }
    return read_as(Sweep, plain)
