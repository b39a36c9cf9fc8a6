"""Load a trained network from a run folder or a checkpoint."""

import os
from pathlib import Path

import torch

from m3net.errors import ConfigError
from m3net.experiments.run import find_checkpoint
from m3net.models.representations import Ranking, check_ranking
from m3net.models.restoring import load_retriever
from m3net.models.retriever import Retriever
from m3net.serving.model import Model, Precision


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
        checkpoint: A run folder, whose best checkpoint is loaded, or a checkpoint file.
        device: A device of torch, such as "cpu" or "cuda:1"; None is a GPU if there is one, else
            the CPU.
        batch_size: Number of photos in a batch.
        precision: "32-true" or "bf16-mixed", like `trainer.precision`. `m3net predict` takes that
            of the training, which is bf16-mixed on hardware that is fast with it.
        ranking: The representation that vectors hold, like `model.ranking`; None is that of the
            training.

    Raises:
        M3NetError: There is no checkpoint of this package, or a setting does not suit the network
            or the machine.
    """
    retriever = load_retriever(find_checkpoint(Path(checkpoint)))
    if ranking is not None:
        check_ranking(ranking, retriever.network.config)
        retriever.ranking = ranking
    return Model(_move(retriever, device), batch_size, precision)


def _move(retriever: Retriever, device: str | torch.device | None) -> Retriever:
    """Move a network to a device."""
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return retriever.to(device)
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch is built without CUDA
        raise ConfigError(
            f"the device {str(device)!r} cannot be used ({str(error).splitlines()[0]}): name "
            "another, such as 'cpu', or none."
        ) from error
