"""Two run folders, bit for bit: what a clock or a path says is all that may differ."""

import csv
import json
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_PASSING = ("seconds", "durations", "current_score")
"""What clocks say, and what Lightning writes down but neither takes up nor uses."""
_SPEED = "speed/images_per_second"


def differences(one: Path, other: Path) -> list[str]:
    """Name all in which two runs differ.

    Args:
        one: A run folder.
        other: Another.
    """
    found = []
    for name in ("best", "last"):
        file = Path("checkpoints") / f"{name}.ckpt"
        first, second = (torch.load(run / file, weights_only=True) for run in (one, other))
        found += _compare(first, second, name, (str(one.resolve()), str(other.resolve())))
    rows, others = _curves(one), _curves(other)
    if rows != others:
        unlike = [pair for pair in zip_longest(rows, others) if pair[0] != pair[1]]
        found.append(f"metrics.csv: {len(rows)} and {len(others)} rows, first {unlike[0]}")
    if _summary(one) != _summary(other):
        found.append("metrics.json")
    for table in ("test/scores.csv", "test/scores.json"):
        files = [run / table for run in (one, other)]
        if any(file.exists() for file in files) and len({file.read_bytes() for file in files}) > 1:
            found.append(table)
    spare = [str(part.relative_to(other)) for part in other.rglob(".*.part")]
    if (other / "checkpoints" / "previous.ckpt").exists():
        spare.append("previous.ckpt")
    return found + [f"{name} is left over" for name in spare]


def _compare(one: Any, other: Any, place: str, roots: tuple[str, str]) -> list[str]:  # noqa: ANN401
    """Walk through two structures."""
    if type(one) is not type(other):
        return [f"{place}: {type(one).__name__} and {type(other).__name__}"]
    if isinstance(one, dict):
        first, second = (
            {_without(root, key): value for key, value in own.items()}
            for root, own in zip(roots, (one, other), strict=True)
        )
        if first.keys() != second.keys():
            return [f"{place}: keys {first.keys() ^ second.keys()}"]
        keys = [key for key in first if key not in _PASSING]
        parts = [_compare(first[key], second[key], f"{place}/{key}", roots) for key in keys]
        return [problem for part in parts for problem in part]
    if isinstance(one, (list, tuple)):
        if len(one) != len(other):
            return [f"{place}: {len(one)} and {len(other)} entries"]
        pairs = enumerate(zip(one, other, strict=True))
        parts = [_compare(a, b, f"{place}/{i}", roots) for i, (a, b) in pairs]
        return [problem for part in parts for problem in part]
    if isinstance(one, Tensor):
        return [] if _bits(one) == _bits(other) else [f"{place}: tensors"]
    same = _without(roots[0], one) == _without(roots[1], other) or one != one  # NaN
    return [] if same else [f"{place}: {one} and {other}"]


def _bits(tensor: Tensor) -> tuple[torch.dtype, torch.Size, bytes]:
    return tensor.dtype, tensor.shape, tensor.contiguous().numpy().tobytes()


def _without(root: str, value: Any) -> Any:  # noqa: ANN401 - of any kind
    return value.replace(root, "RUN") if isinstance(value, str) else value


def _curves(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    plain = [row | {_SPEED: "some" if row[_SPEED] else ""} for row in rows]
    return [{name: value for name, value in row.items() if value} for row in plain]


def _summary(run: Path) -> dict[str, Any]:
    summary = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    return {key: summary[key] for key in ("steps", "images", "parameters", "best", "last")}
