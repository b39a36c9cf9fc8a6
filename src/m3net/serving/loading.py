"""From a run folder or a checkpoint to a network that looks at photos."""

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
    except (RuntimeError, AssertionError) as error:  # the latter where torch has no CUDA at all
        raise ConfigError(
            f"the device {str(device)!r} cannot be used ({str(error).splitlines()[0]}): name "
            "another, as 'cpu', or none."
        ) from error
