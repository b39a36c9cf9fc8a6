"""Blocks of work in threads, each of which multiplies on its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch
from threadpoolctl import ThreadpoolController

Work = TypeVar("Work")
Result = TypeVar("Result")


def num_threads() -> int:
    """Give the number of threads that this process may use; OMP_NUM_THREADS sets it."""
    return torch.get_num_threads()


def map_in_threads(
    function: Callable[[Work], Result], work: Sequence[Work], most: int
) -> list[Result]:
    """Give the results in the order of the work, from `most` threads or fewer.

    Each thread multiplies by itself. Products that numpy shares among threads leave all but one of
    them idle in between, and each waits for the slowest.
    """
    if min(most, len(work)) < 2:
        return [function(one) for one in work]
    with (
        _libraries().limit(limits=1, user_api="blas"),
        ThreadPoolExecutor(min(most, len(work))) as pool,
    ):
        return list(pool.map(function, work))


@cache
def _libraries() -> ThreadpoolController:
    """Find the libraries that keep threads, once: it takes a millisecond."""
    return ThreadpoolController()
