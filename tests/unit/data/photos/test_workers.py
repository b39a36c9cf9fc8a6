import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from m3net.data.photos.workers import map_in_order
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


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGUSR1])
def test_a_process_that_hangs_ends_with_its_parent_and_not_before(
    tmp_path: Path, how: signal.Signals
) -> None:
    """By SIGUSR1 the parent is told to end it as Python does, and lives on."""
    note = tmp_path / "pid"

    def hang(_: int) -> None:
        note.write_text(str(os.getpid()))
        time.sleep(1000)

    parent = os.fork()
    if parent == 0:
        signal.signal(signal.SIGUSR1, lambda *_: os.kill(int(note.read_text()), signal.SIGTERM))
        try:
            next(map_in_order(hang, [1], 1))
        finally:
            os._exit(1)
    try:
        wait_until(lambda: note.exists() and note.read_text() != "")
        hanging = int(note.read_text())
        for signum in (signal.SIGTERM, signal.SIGINT):
            os.kill(hanging, signum)
        time.sleep(0.1)
        assert is_there(hanging)
        os.kill(parent, how)
        wait_until(lambda: not is_there(hanging))
    finally:
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)


FORK_SERVER = """
import multiprocessing, signal
from m3net.data.photos.workers import map_in_order

if __name__ == "__main__":
    multiprocessing.set_start_method("forkserver")
    came = []
    signal.signal(signal.SIGTERM, lambda signum, _: came.append(signum))
    print("starts", flush=True)
    results = list(map_in_order(abs, range(-40, 0), workers=2))
    print(results == list(range(40, 0, -1)), came == [signal.SIGTERM])
"""


def test_processes_of_a_fork_server_outlive_signals_from_their_start_on(tmp_path: Path) -> None:
    """Python 3.14 starts them so on Linux; their parent is then another than who awaits them."""
    file = tmp_path / "own.py"
    file.write_text(FORK_SERVER, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as own:
        assert own.stdout is not None
        assert own.stdout.readline() == "starts\n"
        time.sleep(1)  # in which they are started, and import what takes longer
        os.killpg(own.pid, signal.SIGTERM)
        out, err = own.communicate(timeout=120)
    assert (own.returncode, out, err) == (0, "True True\n", "")


def is_there(pid: int) -> bool:
    """Whether a process lives; one that nobody has asked how it ended does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not so():
        assert time.monotonic() < end
        time.sleep(0.01)


LACKING = """
import resource, sys
import torch
from torch.utils.data import Dataset
from m3net.data.photos.workers import Loader, lacking, map_in_order
from m3net.errors import ConfigError


class Batches(Dataset):
    def __len__(self):
        return 400

    def __getitems__(self, indices):
        return {"image": torch.ones(1_000_000 if sys.argv[1] == "0" else 1)}


def first(samples):
    return samples


if __name__ == "__main__":
    limit = int(sys.argv[1])
    if limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    try:
        if sys.argv[2] == "map":
            list(map_in_order(abs, range(100), 40))
        else:
            loader = Loader(Batches(), batch_size=2, num_workers=2, collate_fn=first, timeout=60)
            kept = [batch for batch in loader]
    except ConfigError as error:
        print(error)
    except (RuntimeError, OSError) as error:
        print(lacking(error, "num_workers"))
"""


@pytest.mark.parametrize("what", ["map", "load"])
def test_too_many_open_files(tmp_path: Path, what: str) -> None:
    file = tmp_path / "own.py"
    file.write_text(LACKING, encoding="utf-8")
    words = [sys.executable, str(file), "60", what]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("too many open files: raise the limit of the system (ulimit -n)")


def test_shared_memory_that_is_too_small(tmp_path: Path) -> None:
    """In a mount of its own, as in a container; a batch that gets lost would be waited for."""
    file = tmp_path / "own.py"
    file.write_text(LACKING, encoding="utf-8")
    mount = ["unshare", "-Urm", "sh", "-ec", 'mount -t tmpfs -o size=2m tmpfs /dev/shm; "$@"', "sh"]
    if shutil.which("unshare") is None or subprocess.run([*mount, "true"]).returncode:
        pytest.skip("this system lets nobody mount")
    words = [*mount, sys.executable, str(file), "0", "load"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.stdout == (
        "the shared memory of the workers is full: enlarge /dev/shm (docker run --shm-size=8g), or "
        "lower num_workers; 0 needs none.\n"
    ), done.stderr
