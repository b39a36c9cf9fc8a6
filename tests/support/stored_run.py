"""Run folders that a former version wrote, kept as text, and made into folders again.

`checkpoint.json` has each value of a checkpoint. Of large tensors it has dtype, shape, mean and
standard deviation, by which they are drawn; whole numbers and small tensors have their values.
"""

import json
import math
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

RUNS = Path(__file__).parent / "runs"
_ROOT = "<root>"
"""Stands for the folder of catalogue and runs in all texts."""
_LARGEST = 16
"""Numbers in the largest tensor of floats that keeps its values."""


def store_run(run: Path, root: Path, stored: Path) -> None:
    """Write a run as text.

    Args:
        run: The run folder; its last.ckpt is stored.
        root: What its paths begin with.
        stored: Folder for the text.
    """
    stored.mkdir(parents=True)
    contents = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    texts = {"checkpoint.json": json.dumps(_describe(contents), indent=1) + "\n"}
    texts |= {
        name: (run / name).read_text(encoding="utf-8") for name in ("config.yaml", "metrics.csv")
    }
    for name, text in texts.items():
        (stored / name).write_text(text.replace(str(root), _ROOT), encoding="utf-8")


def build_run(stored: Path, root: Path, run: Path) -> dict[str, Any]:
    """Write a run folder, and return the contents of its checkpoints.

    Args:
        stored: Folder of the text.
        root: What the paths of the run begin with from now on.
        run: The run folder to be made.
    """
    (run / "checkpoints").mkdir(parents=True)
    texts = {
        file.name: file.read_text(encoding="utf-8").replace(_ROOT, str(root))
        for file in stored.iterdir()
    }
    contents: dict[str, Any] = _rebuild(json.loads(texts.pop("checkpoint.json")), "")
    for name, text in texts.items():
        (run / name).write_text(text, encoding="utf-8")
    torch.save(contents, run / "checkpoints" / "last.ckpt")
    if "val/map_all" in texts["metrics.csv"]:  # the first validation wrote a best.ckpt too
        torch.save(contents, run / "checkpoints" / "best.ckpt")
    return contents


def _describe(value: Any) -> Any:  # noqa: ANN401 - whatever a checkpoint holds
    """Return what JSON can hold of a value."""
    if isinstance(value, Tensor):
        return _describe_tensor(value)
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _describe(part) for key, part in value.items()}
    if isinstance(value, dict):
        return {"$pairs": [[key, _describe(part)] for key, part in value.items()]}
    if isinstance(value, tuple):
        return {"$tuple": [_describe(part) for part in value]}
    if isinstance(value, list):
        return [_describe(part) for part in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"{type(value)} in a checkpoint")


def _describe_tensor(tensor: Tensor) -> str:
    about = f"$tensor {str(tensor.dtype).removeprefix('torch.')} {json.dumps(list(tensor.shape))}"
    if tensor.numel() <= _LARGEST or not tensor.is_floating_point():
        return f"{about} = {json.dumps(tensor.flatten().tolist())}"
    sign = "positive" if bool((tensor >= 0).all()) else "any"
    return f"{about} ~ {sign} [{tensor.mean():.2g}, {tensor.std():.2g}]"


def _rebuild(value: Any, name: str) -> Any:  # noqa: ANN401 - whatever a checkpoint holds
    """Make a value again; a tensor that is drawn is known from its name alone."""
    if isinstance(value, str) and value.startswith("$tensor "):
        return _rebuild_tensor(value, name)
    if isinstance(value, list):
        return [_rebuild(part, f"{name}/{index}") for index, part in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if "$tuple" in value:
        return tuple(_rebuild(value["$tuple"], name))
    pairs = value.get("$pairs", value.items())
    return {key: _rebuild(part, f"{name}/{key}") for key, part in pairs}


def _rebuild_tensor(text: str, name: str) -> Tensor:
    about, _, numbers = text.rpartition(" [")
    values = json.loads(f"[{numbers}")
    dtype_name, shape_and_kind = about.removeprefix("$tensor ").split(" ", 1)
    dtype: torch.dtype = getattr(torch, dtype_name)
    shape_text, _, kind = shape_and_kind.rpartition("] ")
    shape = json.loads(f"{shape_text}]")
    if kind == "=":
        kept: Tensor = torch.tensor(values, dtype=dtype).view(shape)
        return kept
    mean, deviation = values
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    drawn: Tensor = mean + deviation * torch.randn(math.prod(shape), generator=generator)
    drawn = drawn.abs() if kind == "~ positive" else drawn
    return drawn.to(dtype).view(shape)
