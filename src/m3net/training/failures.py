"""Errors of torch about memory, open files and workers, as one sentence with a remedy."""

import re
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException

from m3net.data.datamodules import LoadingConfig
from m3net.data.dataset import RetrievalDataset
from m3net.data.photos.workers import Loader, lacking
from m3net.errors import ConfigError, TrainingError

_DIED = re.compile(r"DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\)")
_HANGS = "DataLoader timed out after"
_NO_MEMORY_OF_CPU = "DefaultCPUAllocator"


def failure(
    error: RuntimeError | OSError,
    loading: LoadingConfig,
    loaders: Iterable[Loader[Any]],
) -> TrainingError | None:
    """Return an error with a remedy for an error of torch; None if it is of another kind.

    Args:
        error: What torch raised.
        loading: Sizes and loader settings of the command.
        loaders: Those of the trainer, see `loaders_of`.
    """
    text = str(error)
    if isinstance(error, torch.OutOfMemoryError) or _NO_MEMORY_OF_CPU in text:
        return TrainingError(
            f"out of memory with batch_size {loading.batch_size} at image_size "
            f"{loading.image_size} ({_first_sentence(text)}): lower data.loading.batch_size "
            "(trainer.accumulate_grad_batches makes up for it) or data.loading.image_size, "
            "choose a smaller model.network.backbone, or end what else uses the device."
        )
    if problem := lacking(error, "data.loading.num_workers"):
        return TrainingError(problem)
    if text.startswith(_HANGS):
        return TrainingError(
            f"no worker returned a batch within {loading.timeout} seconds"
            f"{_while_reading(loaders, None)}: check these files and their disk, or raise "
            "data.loading.timeout (0 waits forever)."
        )
    died = _DIED.match(text)
    if died or _cut_off(error):
        pids = [int(pid) for pid in died[1].split(",")] if died else None
        return TrainingError(
            f"a worker died ({_first_sentence(text)}){_while_reading(loaders, pids)}: check that "
            "file. If the system killed it for lack of memory, lower data.loading.num_workers or "
            "data.loading.batch_size. With num_workers 0 the error itself shows."
        )
    return None


@contextmanager
def lightning_errors() -> Iterator[None]:
    """Raise a ConfigError for what Lightning refuses, or a library that it needs and is missing.

    Raises:
        ConfigError: The settings of the trainer, a callback or a logger cannot be used.
    """
    try:
        yield
    except (MisconfigurationException, ModuleNotFoundError) as error:
        if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("m3net"):
            raise
        missing = isinstance(error, ModuleNotFoundError)
        remedy = "Install it, or change the setting that needs it." if missing else ""
        raise ConfigError(f"{_sentence(error)} {remedy}".strip()) from error


def _sentence(error: Exception) -> str:
    """Return an error's text on one line, with a full stop."""
    return f"{' '.join(str(error).split()).rstrip('.')}."


def loaders_of(trainer: L.Trainer) -> list[Loader[Any]]:
    """Return all loaders of a trainer."""
    loaders: list[Any] = [
        trainer.train_dataloader,
        trainer.val_dataloaders,
        trainer.test_dataloaders,
        trainer.predict_dataloaders,
    ]
    return [loader for loader in loaders if isinstance(loader, Loader)]


def _cut_off(error: Exception) -> bool:
    """Return whether a worker died while it sent a batch."""
    frames = traceback.extract_tb(error.__traceback__)
    # Here torch receives a batch; a reader's error comes from elsewhere.
    receiving = any(frame.name == "_try_get_data" for frame in frames)
    return isinstance(error, ConnectionResetError) and receiving


def _while_reading(loaders: Iterable[Loader[Any]], pids: list[int] | None) -> str:
    """Name the images that some workers, by default all, were reading."""
    records = [
        loader.dataset.records[image]
        for loader in loaders
        if isinstance(loader.dataset, RetrievalDataset)
        for image in loader.items_at_work(pids)
    ]
    names = [
        f"{record.path} ({record.listed})" if record.listed else record.path for record in records
    ]
    return f" while reading {', '.join(names)}" if names else ""


def _first_sentence(text: str) -> str:
    return text.split(". ")[0].strip().rstrip(".")
