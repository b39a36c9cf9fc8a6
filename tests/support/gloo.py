"""Real processes that talk through gloo, as those of a training on the CPU do."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import start_processes

from tests.support.commands import ROOT

Made = TypeVar("Made")

LIBRARIES = ["lightning", "m3net.data.datamodules", "m3net.losses", "m3net.metrics"]


@contextmanager
def fast_starts() -> Iterator[None]:
    """Let a server that has imported what takes seconds fork the processes of a block.

    Forked from here they would inherit threads, and spawned they would each import it again.
    """
    with pytest.MonkeyPatch.context() as patch:
        # A started process imports modules of tests by the names that pytest gave them.
        patch.syspath_prepend(str(ROOT))
        multiprocessing.set_forkserver_preload(LIBRARIES)
        yield


def in_processes(work: Callable[[int], Made], size: int, folder: Path) -> list[Made]:
    """Give what each of some processes makes of its rank; a process that raises ends the test.

    Args:
        work: A function of a module, since each process imports it by name.
        size: How many processes there are.
        folder: An empty one, where they meet.
    """
    with fast_starts():
        arguments = (work, size, str(folder))
        start_processes(_take_part, arguments, nprocs=size, start_method="forkserver")  # type: ignore[no-untyped-call]  # torch's gap
    # Only a file that was just written here is read.
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(size)]


def _take_part(rank: int, work: Callable[[int], object], size: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=size,
        timeout=timedelta(seconds=60),
    )
    torch.save(work(rank), f"{folder}/{rank}.pt")
    dist.destroy_process_group()
