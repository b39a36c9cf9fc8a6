"""Worker processes that outlive signals, tell which item they are at, and die with their parent."""

import multiprocessing
import os
import re
from collections.abc import Callable, Collection, Iterator
from functools import partial
from multiprocessing import resource_tracker
from typing import Any, Generic, Protocol, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from typing_extensions import override

from m3net.base.signals import held_signals, outlive_signals
from m3net.errors import ConfigError

Item = TypeVar("Item")
Result = TypeVar("Result")
Item_co = TypeVar("Item_co", covariant=True)

_BATCH = 16
_NO_FILES = re.compile("Too many open files|received 0 items of ancdata")
_NO_SHARED_MEMORY = re.compile("</torch_.*No space left on device|killed by signal: Bus error")
_at_work: NDArray[np.int64] = np.full(2, -1, dtype=np.int64)
"""Item and process id; in a worker, its row of the loader's table."""


class Items(Protocol[Item_co]):
    """Anything with a length and an item for each index: a list, or records."""

    def __len__(self) -> int:
        """Return the number of items."""

    def __getitem__(self, index: int, /) -> Item_co:
        """Return one item."""


class Loader(DataLoader[Result]):
    """A loader whose workers outlive signals and note the item that they are at.

    Batches are lists or dicts of tensors.
    """

    _table: Tensor | None = None

    @override
    def __iter__(self) -> Iterator[Result]:  # type: ignore[override]  # as torch's own users see it
        """Yield all batches; the first time this starts the workers."""
        if self.num_workers and self._table is None:
            # In shared memory: it outlives a worker that died or hangs.
            table = torch.full((self.num_workers, 2), -1, dtype=torch.int64)
            self._table = table.share_memory_()  # type: ignore[no-untyped-call]  # torch's gap
            self.worker_init_fn = partial(_set_up_worker, self._table)
            self.collate_fn = partial(_share, self.collate_fn)
        if self.num_workers and multiprocessing.get_start_method() != "fork":
            # Python starts it before the first worker, and lets signals through from then on.
            with held_signals():
                resource_tracker.ensure_running()
        with held_signals():
            return super().__iter__()

    def items_at_work(self, pids: Collection[int] | None = None) -> list[int]:
        """Return the items that workers have begun and not finished.

        Args:
            pids: Process ids of the workers; None for all workers.
        """
        rows = [] if self._table is None else self._table.tolist()
        return [item for item, pid in rows if item >= 0 and (pids is None or pid in pids)]


def note_item(item: int) -> None:
    """Note the item that this worker begins; -1 when it has finished."""
    _at_work[0] = item


def lacking(error: Exception, workers: str) -> str | None:
    """Return a sentence if workers ran out of open files or shared memory; None otherwise.

    Args:
        error: What a loader raised.
        workers: The setting of their number.

    Example:
        >>> lacking(OSError(24, "Too many open files"), "workers")
        'too many open files: raise the limit of the system (ulimit -n), or lower workers.'
    """
    text = str(error)
    if _NO_FILES.search(text):
        return (
            f"too many open files: raise the limit of the system (ulimit -n), or lower {workers}."
        )
    if _NO_SHARED_MEMORY.search(text):
        return (
            "the shared memory of the workers is full: enlarge /dev/shm (docker run "
            f"--shm-size=8g), or lower {workers}; 0 needs none."
        )
    return None


def map_in_order(
    function: Callable[[Item], Result], items: Items[Item], workers: int
) -> Iterator[Result]:
    """Yield a function's results in the order of the items, whatever the number of workers.

    Args:
        function: Can be pickled. Its errors end the work; an `M3NetError` keeps its text.
        items: Arguments of the function.
        workers: Number of worker processes; 0 works in this process.

    Raises:
        ConfigError: `workers` is negative, or a worker died or lacks open files or shared memory.

    Example:
        >>> list(map_in_order(len, ["a", "", "abc"], workers=0))
        [1, 0, 3]
    """
    if workers < 0:
        raise ConfigError(f"workers is {workers}: set it to 0 or more.")
    # concurrent.futures neither bounds the results that wait, nor ends workers whose parent was
    # killed; a loader does both.
    loader: Loader[Any] = Loader(
        _Results(function, items),
        batch_size=_BATCH,
        num_workers=workers,
        collate_fn=list,
        generator=torch.Generator(),  # leaves the global random state alone
    )
    batches = None
    while True:
        try:
            batches = batches or iter(loader)
            batch = next(batches, None)
        except (RuntimeError, OSError) as error:
            if problem := lacking(error, "workers"):
                raise ConfigError(problem) from error
            if not str(error).startswith("DataLoader worker"):
                raise
            raise ConfigError(
                f"a worker died ({str(error).strip().rstrip('.')}): lower workers if the system "
                "killed it for lack of memory; with workers 0 the error itself shows."
            ) from error
        if batch is None:
            return
        yield from batch


class _Results(Dataset[Result], Generic[Item, Result]):
    """Results of a function as the samples of a data set."""

    def __init__(self, function: Callable[[Item], Result], items: Items[Item]) -> None:
        self.function, self.items = function, items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Result:
        return self.function(self.items[index])


def _share(collate: Callable[[Any], Any], samples: object) -> Any:  # noqa: ANN401 - a batch
    """Move a batch to shared memory in the worker itself.

    The thread that hands batches over would do so, but loses the batch if the memory is full.
    """
    batch = collate(samples)
    for value in batch.values() if isinstance(batch, dict) else ():
        if isinstance(value, Tensor):
            value.share_memory_()  # type: ignore[no-untyped-call]  # torch's gap
    return batch


def _set_up_worker(table: Tensor, worker: int) -> None:
    """Keep OpenCV from starting a thread per core in a worker, and signals from ending it."""
    global _at_work  # noqa: PLW0603 - a worker has one row, for its life
    _at_work = table.numpy()[worker]
    _at_work[:] = -1, os.getpid()
    cv2.setNumThreads(0)
    outlive_signals()
