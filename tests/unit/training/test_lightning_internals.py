"""A contract with Lightning: its private state has the form that resuming relies on."""

import copy
import os
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.fabric.strategies.launchers.subprocess_script import _ChildProcessObserver
from torch.utils.data import DataLoader
from typing_extensions import override

from m3net.training import lightning_internals
from m3net.training.lightning_internals import begin_next_epoch, give_back_batch, is_at_epoch_end

CHANGED = (
    f"Lightning {L.__version__} keeps its loops in another form than "
    "m3net/training/lightning_internals.py expects"
)
BATCHES = 3


class Line(L.LightningModule):
    """One weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    @override
    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return (self.weight * batch).sum()

    @override
    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        """Nothing to judge."""

    @override
    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class States(L.Callback):
    """The state of the loops before each step and at the end of each epoch."""

    def __init__(self) -> None:
        self.before_step: list[dict[str, Any]] = []
        self.at_end: list[dict[str, Any]] = []

    @override
    def on_train_batch_start(self, trainer: L.Trainer, *_: object) -> None:
        self.before_step.append(copy.deepcopy(trainer.fit_loop.state_dict()))

    @override
    def on_train_epoch_end(self, trainer: L.Trainer, *_: object) -> None:
        self.at_end.append(copy.deepcopy(trainer.fit_loop.state_dict()))


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> States:
    found = States()
    loader: DataLoader[Any] = DataLoader(torch.ones(BATCHES, 1))  # type: ignore[arg-type]
    L.Trainer(
        accelerator="cpu",
        max_epochs=2,
        default_root_dir=tmp_path_factory.mktemp("root"),
        logger=False,
        callbacks=[found],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(Line(), loader, loader)
    return found


def test_the_loops_have_the_known_state(states: States) -> None:
    for state in (*states.before_step, *states.at_end):
        epochs, batches = state["epoch_progress"], state["epoch_loop.batch_progress"]
        validation = state["epoch_loop.val_loop.batch_progress"]
        for counts in (*epochs.values(), *batches.values(), *validation.values()):
            if isinstance(counts, dict):
                assert {"ready", "completed"} <= counts.keys(), CHANGED
        assert {"current", "total", "is_last_batch"} <= batches.keys() & validation.keys(), CHANGED
        assert "_batches_that_stepped" in state["epoch_loop.state_dict"], CHANGED


def test_a_batch_that_waits_for_its_step_is_given_back(states: States) -> None:
    assert len(states.before_step) == 2 * BATCHES
    for number, state in enumerate(copy.deepcopy(states.before_step)):
        assert not is_at_epoch_end(state), CHANGED
        assert give_back_batch(state) == number % BATCHES, CHANGED
        assert give_back_batch(state) is None, CHANGED


def test_the_end_of_an_epoch_becomes_the_start_of_the_next(states: States) -> None:
    for number, state in enumerate(copy.deepcopy(states.at_end), start=1):
        assert is_at_epoch_end(state), CHANGED
        assert give_back_batch(state) is None, CHANGED
        stepped = state["epoch_loop.state_dict"]["_batches_that_stepped"]
        begin_next_epoch(state, limits_steps=True)
        assert not is_at_epoch_end(state), CHANGED
        assert state["epoch_progress"]["current"]["completed"] == number, CHANGED
        assert state["epoch_loop.batch_progress"]["current"]["ready"] == 0, CHANGED
        assert state["epoch_loop.state_dict"]["_batches_that_stepped"] == stepped - 1, CHANGED


def test_the_thread_that_watches_processes_has_the_known_name() -> None:
    observer = _ChildProcessObserver(main_pid=os.getpid(), child_processes=[])
    assert observer.name == lightning_internals._OBSERVER, CHANGED


def test_private_state_is_touched_nowhere_else() -> None:
    package = Path(lightning_internals.__file__).parents[1]
    for file in package.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if file.name != "lightning_internals.py":
            for name in ("epoch_loop.", "epoch_progress", "child-process-observer"):
                assert name not in text, f"{file} knows Lightning's {name}"
