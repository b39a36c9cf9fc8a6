"""What torch says where memory ends or a loader process fails, in a sentence that helps."""

import re
import traceback
from collections.abc import Iterable
from typing import Any

import lightning as L
import torch

from m3net.data.datamodules import LoadingConfig
from m3net.data.dataset import RetrievalDataset
from m3net.data.photos.workers import Loader
from m3net.errors import TrainingError

_DIED = re.compile(r"DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\)")
_HANGS = "DataLoader timed out after"
_NO_MEMORY_OF_CPU = "DefaultCPUAllocator"


def failure(
    error: RuntimeError | ConnectionResetError,
    loading: LoadingConfig,
    loaders: Iterable[Loader[Any]],
) -> TrainingError | None:
    """Give the sentence for an error of torch; None for one that is none of these.

    Args:
        error: What torch raised.
        loading: Sizes and loader settings of the command.
        loaders: Those of `loaders_of`.
    """
    text = str(error)
    if isinstance(error, torch.OutOfMemoryError) or _NO_MEMORY_OF_CPU in text:
        return TrainingError(
            f"the device has too little memory for batches of {loading.batch_size} images of "
            f"{loading.image_size} px ({_said(text)}): lower --data.loading.batch_size "
            "(--trainer.accumulate_grad_batches makes up for it) or --data.loading.image_size, "
            "take a smaller --model.network.backbone, or end what else uses the device."
        )
    if text.startswith(_HANGS):
        return TrainingError(
            f"no loader process gave a batch within {loading.timeout} seconds"
            f"{_while_reading(loaders, None)}: look at these files and their disk, or raise "
            "--data.loading.timeout (0 waits for ever)."
        )
    died = _DIED.match(text)
    if died or _cut_off(error):
        pids = [int(pid) for pid in died[1].split(",")] if died else None
        return TrainingError(
            f"a loader process died ({_said(text)}){_while_reading(loaders, pids)}: look at that "
            "file; where the system ends processes for want of memory, lower "
            "--data.loading.num_workers or --data.loading.batch_size; "
            "--data.loading.num_workers=0 shows what it meets."
        )
    return None


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
    """Say whether a loader process died while it handed over a batch."""
    frames = traceback.extract_tb(error.__traceback__)
    # Where torch takes what a process hands over; a reader's own error comes from elsewhere.
    handing = any(frame.name == "_try_get_data" for frame in frames)
    return isinstance(error, ConnectionResetError) and handing


def _while_reading(loaders: Iterable[Loader[Any]], pids: list[int] | None) -> str:
    """Name the images that some workers, or all, were reading."""
    records = [
        loader.dataset.records[image]
        for loader in loaders
        if isinstance(loader.dataset, RetrievalDataset)
        for image in loader.items_at_work(pids)
    ]
    names = [f"{own.path} ({own.listed})" if own.listed else own.path for own in records]
    return f" while reading {', '.join(names)}" if names else ""


def _said(text: str) -> str:
    """Give the first sentence of what torch said."""
    return text.split(". ")[0].strip().rstrip(".")
