"""The run folder: where a run's files lie, and how a checkpoint is found in it.

runs/<experiment>/<n>/
    config.yaml metrics.csv metrics.json checkpoints/{best,last}.ckpt validate/ test/ predict/
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_only

from m3net.errors import CheckpointError

_SHARED = "M3NET_RUN_FOLDER"
"""Environment variable by which the first process names its folder to those it starts."""


def is_first_process() -> bool:
    """Tell whether this process is the one that writes files and speaks."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


def new_run(root: Path, experiment: str) -> Path:
    """Make the next numbered folder of an experiment.

    Args:
        root: Folder of all runs.
        experiment: Name of the experiment.

    Returns:
        root / experiment / n with n one above the highest there; the same folder for the
        processes that this process starts.
    """
    if _SHARED in os.environ and not is_first_process():
        return Path(os.environ[_SHARED])
    parent = root / experiment
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        numbers = [int(child.name) for child in parent.iterdir() if child.name.isdigit()]
        folder = parent / str(max(numbers, default=-1) + 1)
        if is_first_process():
            try:
                folder.mkdir()
            except FileExistsError:
                # Another run took the number in this moment.
                continue
            os.environ[_SHARED] = str(folder)
        return folder


def find_checkpoint(place: Path, names: Sequence[str] = ("best", "last")) -> Path:
    """Give the checkpoint that a path means.

    Args:
        place: A checkpoint file, or a run folder.
        names: Which of a run's checkpoints, the one that is wanted most first.

    Raises:
        CheckpointError: There is none.
    """
    if place.is_file():
        return place
    for name in names:
        if (place / "checkpoints" / f"{name}.ckpt").is_file():
            return place / "checkpoints" / f"{name}.ckpt"
    if place.is_dir():
        raise CheckpointError(
            f"{place} holds no checkpoints/best.ckpt or checkpoints/last.ckpt; it is not a run "
            "folder, or its training was stopped before the first epoch ended."
        )
    raise CheckpointError(f"checkpoint or run folder not found: {place}.")


def run_of(checkpoint: Path) -> Path | None:
    """Give the run folder that a checkpoint lies in; None for a checkpoint outside of any."""
    folder = checkpoint.absolute().parent.parent
    inside = checkpoint.absolute().parent.name == "checkpoints"
    return folder if inside and (folder / "config.yaml").is_file() else None


def load_checkpoint(file: Path) -> dict[str, Any]:
    """Load a checkpoint's contents to the CPU; no code in it is run.

    Raises:
        CheckpointError: It is not a checkpoint of this package.
    """
    try:
        contents: dict[str, Any] = torch.load(file, weights_only=True, map_location="cpu")
    except Exception as error:  # bytes of another kind make the unpickler stumble over anything
        raise CheckpointError(
            f"{file} cannot be read as a checkpoint ({type(error).__name__}): it is another file, "
            "a damaged one, or holds code, which is never run."
        ) from error
    about = contents.get("hyper_parameters") if isinstance(contents, dict) else None
    if not isinstance(about, dict) or "labels" not in about:
        raise CheckpointError(f"{file} is not a checkpoint of m3net.")
    return contents
