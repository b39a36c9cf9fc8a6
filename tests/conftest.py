"""A small shop to train on, and two ways to type a command: in this process or in its own."""

import gc
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from m3net.__main__ import main
from m3net.base.environment import fast_imports
from m3net.data.synthetic import write_catalogue
from tests.support.commands import Command, Refusal
from tests.support.hostile.guard import Guard
from tests.support.slow import is_slow
from tests.support.zygote import fast_starts, true_starts

with fast_imports():
    import torch


SETTINGS = """
experiment: shop
data:
  class_path: CatalogueDataModule
  init_args:
    file: {catalogue}
    columns:
      attributes: [sleeve_length, details]
    fractions: [0.5, 0.2, 0.3]
    loading:
      image_size: 48
      batch_size: 16
      num_workers: 0
model:
  network:
    init_args: {{backbone: resnet10t, pretrained: false, attention_dim: 16}}
trainer:
  max_epochs: 1
  log_every_n_steps: 1
  accelerator: cpu
  devices: 1
  precision: 32-true
  enable_progress_bar: false
"""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage while all is imported, nor later among what it is made of."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark slow tests before pytest chooses by `-m`."""
    for test in filter(is_slow, items):
        test.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Compute with one thread, and so do processes of tests: the suite runs in several."""
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True, scope="session")
def heeded_interrupts() -> None:
    """Let processes of tests be interrupted: what a shell runs in the background ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def fast_commands(one_thread: None) -> Iterator[None]:  # noqa: ARG001 - commands inherit it
    """Fork commands that tests start from a process that has imported m3net."""
    with fast_starts():
        yield


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table of a shop of 160 garments, its images beside it."""
    return write_catalogue(tmp_path_factory.mktemp("shop") / "photos", 160, 48, seed=0)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory, catalogue: Path) -> Path:
    """A config file that trains a tiny network on the shop."""
    file = tmp_path_factory.mktemp("settings") / "shop.yaml"
    file.write_text(SETTINGS.format(catalogue=catalogue), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def m3net() -> Command:
    """Give a function that runs a command within this process, which saves the imports."""

    def run(*given: object) -> CompletedProcess[str]:
        words = [str(word) for word in given]
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                code = main(words)
            except SystemExit as stop:
                code = int(stop.code or 0)
        return CompletedProcess(words, code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def process() -> Command:
    """Give a function that runs a command in a process of its own, as users do."""

    def run(*words: object, cwd: Path, **environment: str) -> CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "m3net", *map(str, words)],
            cwd=cwd,
            env=os.environ | {"COLUMNS": "200"} | environment,
            capture_output=True,
            text=True,
            timeout=600,
        )

    return run


@pytest.fixture(scope="session")
def guard() -> Iterator[Guard]:
    """A process that notes what commands do to the machine beyond their folders."""
    process = Guard()
    yield process
    process.end()


@pytest.fixture(scope="session")
def empty_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The current directory of commands in processes of their own."""
    return tmp_path_factory.mktemp("current")


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs for all tests."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def training(
    process: Command, settings: Path, runs: Path, empty_folder: Path
) -> CompletedProcess[str]:
    """What `m3net train` said, started as users do."""
    with true_starts():
        return process("train", "--config", settings, "--runs", runs, cwd=empty_folder)


@pytest.fixture(scope="session")
def trained(training: CompletedProcess[str], runs: Path) -> Path:
    """The run folder of the training; not to be written to."""
    assert training.returncode == 0, training.stderr
    return runs / "shop" / "0"


@pytest.fixture
def own_run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run folder to evaluate in."""
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    for name in ("config.yaml", "checkpoints/best.ckpt"):
        os.link(trained / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def refusal() -> Refusal:
    """Give a function that finds the one sentence of a refusal, and nothing like a traceback."""

    def read(done: CompletedProcess[str]) -> str:
        assert done.returncode == 2, done.stderr
        [sentence] = [line for line in done.stderr.splitlines() if line.startswith("m3net: ")]
        assert done.stderr.splitlines()[-1] == sentence
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
        return sentence

    return read
