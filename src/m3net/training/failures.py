"""What torch says where memory ends or a loader process fails, in a sentence that helps."""

import re
import traceback
from collections.abc import Iterable
from typing import Any

import lightning as L
import torch

from m3net.data.datamodules.loading import LoadingConfig
from m3net.data.dataset import RetrievalDataset
from m3net.errors import TrainingError

_DIED = re.compile(r"DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\)")
_HANGS = "DataLoader timed out after"
_NO_MEMORY_OF_CPU = "DefaultCPUAllocator"


def failure(
    error: RuntimeError | ConnectionResetError,
    loading: LoadingConfig,
    datasets: Iterable[RetrievalDataset],
) -> TrainingError | None:
    """Give the sentence for an error of torch; None for one that is none of these.

    Args:
        error: What torch raised.
        loading: Sizes and loader settings of the command.
        datasets: Those that loader processes read from.
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
            f"{_while_reading(datasets, None)}: look at these files and their disk, or raise "
            "--data.loading.timeout (0 waits for ever)."
        )
    died = _DIED.match(text)
    if died or _cut_off(error):
        pids = [int(pid) for pid in died[1].split(",")] if died else None
        return TrainingError(
            f"a loader process died ({_said(text)}){_while_reading(datasets, pids)}: look at that "
            "file; where the system ends processes for want of memory, lower "
            "--data.loading.num_workers or --data.loading.batch_size; "
            "--data.loading.num_workers=0 shows what it meets."
        )
    return None


def loaders_of(trainer: L.Trainer) -> list[RetrievalDataset]:
    """Give the data sets of all loaders that a trainer has."""
    loaders: list[Any] = [
        trainer.train_dataloader,
        trainer.val_dataloaders,
        trainer.test_dataloaders,
        trainer.predict_dataloaders,
    ]
    found = (getattr(loader, "dataset", None) for loader in loaders)
    return [own for own in found if isinstance(own, RetrievalDataset)]


def _cut_off(error: Exception) -> bool:
    """Say whether a loader process died while it handed over a batch."""
    frames = traceback.extract_tb(error.__traceback__)
    # Where torch takes what a process hands over; a reader's own error comes from elsewhere.
    handing = any(frame.name == "_try_get_data" for frame in frames)
    return isinstance(error, ConnectionResetError) and handing


def _while_reading(datasets: Iterable[RetrievalDataset], pids: list[int] | None) -> str:
    """Name the images that some processes, or all, were at."""
    found = [path for dataset in datasets for path in dataset.being_read(pids)]
    return f" while reading {', '.join(found)}" if found else ""


def _said(text: str) -> str:
    """Give the first sentence of what torch said."""
    return text.split(". ")[0].strip().rstrip(".")
