"""One function over many items in several processes."""

import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from typing import Any, Generic, Protocol, TypeVar

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from m3net.base.signals import held_signals, outlive_signals
from m3net.errors import ConfigError

Item = TypeVar("Item")
Result = TypeVar("Result")
Item_co = TypeVar("Item_co", covariant=True)

_BATCH = 16


class Items(Protocol[Item_co]):
    """Anything that has a length and gives an item for each place: a list, or records."""

    def __len__(self) -> int:
        """Give the number of items."""

    def __getitem__(self, index: int, /) -> Item_co:
        """Give one item."""


def map_in_order(
    function: Callable[[Item], Result], items: Items[Item], workers: int
) -> Iterator[Result]:
    """Give a function's results in the order of the items, whatever the number of processes.

    Args:
        function: Can be pickled. What it raises, an `M3NetError` with its text, ends the work.
        items: Its arguments.
        workers: Number of processes; 0 works in this one. They end when this process is killed.

    Raises:
        ConfigError: `workers` is negative.

    Example:
        >>> list(map_in_order(len, ["a", "", "abc"], workers=0))
        [1, 0, 3]
    """
    if workers < 0:
        raise ConfigError(f"workers is {workers}: set it to 0 or more.")
    # A loader is more than is needed, but it watches over its processes and is known to end them.
    loader: Loader[Any] = Loader(
        _Results(function, items),
        batch_size=_BATCH,
        num_workers=workers,
        collate_fn=list,
        worker_init_fn=set_up_process,
        generator=torch.Generator(),  # nobody else's chance is touched
    )
    results = iter(loader)
    while True:
        try:
            found = next(results, None)
        except RuntimeError as error:
            if not str(error).startswith("DataLoader worker"):
                raise
            raise ConfigError(
                f"a process that reads images died ({str(error).strip().rstrip('.')}): give fewer "
                "workers where the system ends processes for want of memory; workers=0 shows "
                "what it meets."
            ) from error
        if found is None:
            return
        yield from found


class _Results(Dataset[Result], Generic[Item, Result]):
    """The results as a data set, made when they are asked for."""

    def __init__(self, function: Callable[[Item], Result], items: Items[Item]) -> None:
        self.function, self.items = function, items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Result:
        return self.function(self.items[index])


class Loader(DataLoader[Result]):
    """A loader whose processes outlive signals, from their very start."""

    def __iter__(self) -> Iterator[Result]:  # type: ignore[override]  # as torch's own users see it
        """Go through all batches; the first time this starts the processes."""
        if self.num_workers and multiprocessing.get_start_method() != "fork":
            # Python starts it before the first of them, and lets signals through from then on.
            with held_signals():
                resource_tracker.ensure_running()
        with held_signals():
            return super().__iter__()


def set_up_process(_: int) -> None:
    """Keep OpenCV from starting a thread per core in each process, and signals from ending it."""
    cv2.setNumThreads(0)
    outlive_signals()
