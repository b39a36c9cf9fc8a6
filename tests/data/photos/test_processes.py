import os
import time

import pytest
import torch

from m3net.data.photos.processes import map_in_order
from m3net.errors import ConfigError, ImageReadError


def slow_first(number: int) -> tuple[int, int]:
    """Let the first items be overtaken by all others."""
    time.sleep(0.02 if number < 16 else 0)
    return number, os.getpid()


def refuse_40(number: int) -> int:
    if number == 40:
        raise ImageReadError.at("a.jpg", None, "it is number 40")
    return number


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_results_keep_their_order(workers: int) -> None:
    found = list(map_in_order(slow_first, range(100), workers))
    assert [number for number, _ in found] == list(range(100))
    processes = {process for _, process in found}
    assert len(processes) == max(workers, 1)
    assert (os.getpid() in processes) == (workers == 0)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_keeps_its_kind_and_text(workers: int) -> None:
    with pytest.raises(ImageReadError, match=r"^cannot read image a\.jpg: it is number 40"):
        list(map_in_order(refuse_40, range(100), workers))


def test_nothing_to_do() -> None:
    assert list(map_in_order(refuse_40, [], 2)) == []


def test_nobody_elses_chance_is_touched() -> None:
    before = torch.get_rng_state()
    list(map_in_order(refuse_40, range(5), 2))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_negative_number_of_processes() -> None:
    with pytest.raises(ConfigError, match="workers is -1"):
        list(map_in_order(refuse_40, [1], -1))
