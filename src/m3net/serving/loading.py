"""From a run folder or a checkpoint to a network that looks at photos."""

import os
from pathlib import Path

import torch

from m3net.data.transforms import Transform
from m3net.errors import CheckpointError, ConfigError
from m3net.experiments.checkpoints import find_checkpoint, load_checkpoint, loading_of
from m3net.models.representations import Ranking, check_ranking
from m3net.serving.model import Model, Precision
from m3net.training.task import M3NetTask, build_task


def load(
    checkpoint: str | os.PathLike[str],
    *,
    device: str | torch.device | None = None,
    batch_size: int = 64,
    precision: Precision = "32-true",
    ranking: Ranking | None = None,
) -> Model:
    """Load a trained network.

    Args:
        checkpoint: A run folder, of which the best checkpoint is taken, or a checkpoint file.
        device: Where the network works, as "cpu" or "cuda:1"; None takes a GPU of CUDA where there
            is one, else the CPU.
        batch_size: How many photos the network sees at once.
        precision: "32-true" or "bf16-mixed", as of `--trainer.precision`. `m3net predict` takes
            that of the training, which is bf16-mixed on hardware that is fast with it.
        ranking: The representation that vectors hold, as of `--model.ranking`; None takes that of
            the training.

    Raises:
        M3NetError: There is no checkpoint of this package, or a setting does not suit it or the
            machine.
    """
    file = find_checkpoint(Path(checkpoint))
    contents = load_checkpoint(file)
    try:
        prepared = loading_of(contents)
        task = build_task(contents["hyper_parameters"])
        task.load_state_dict(contents["state_dict"])
    except CheckpointError as error:
        raise CheckpointError(f"{file}: {error}") from error
    if ranking is not None:
        check_ranking(ranking, task.network.config)
        task.ranking = ranking
    transform = Transform(prepared["image_size"], prepared["resize"])
    return Model(_move(task, device), transform, batch_size, precision)


def _move(task: M3NetTask, device: str | torch.device | None) -> M3NetTask:
    """Bring a network to a device."""
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return task.to(device)
    except (RuntimeError, AssertionError) as error:  # the latter where torch has no CUDA at all
        raise ConfigError(
            f"the device {str(device)!r} cannot be used ({str(error).splitlines()[0]}): name "
            "another, as 'cpu', or none."
        ) from error
