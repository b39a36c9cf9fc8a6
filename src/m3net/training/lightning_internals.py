"""All that m3net uses of Lightning's private state.

Lightning has no public way to resume exactly between two steps, nor to hand over the processes that
it starts. A contract test fails if a release changes this state.
"""

import threading
import time
from subprocess import Popen
from typing import Any, Protocol

_EPOCHS, _BATCHES = "epoch_progress", "epoch_loop.batch_progress"
_VALIDATION, _STATE = "epoch_loop.val_loop.batch_progress", "epoch_loop.state_dict"
_STEPPED = "_batches_that_stepped"
_OBSERVER = "child-process-observer"
"""Lightning's thread that kills all processes when one dies, and does not say why."""
_POLL_SECONDS = 0.1


class Launcher(Protocol):
    """Lightning's launcher of child processes."""

    procs: list[Popen[bytes]]


def is_at_epoch_end(fit_loop: dict[str, Any]) -> bool:
    """Return whether a checkpoint was made after the last step of an epoch.

    Args:
        fit_loop: The state of Lightning's loops, `checkpoint["loops"]["fit_loop"]`.
    """
    epochs = fit_loop[_EPOCHS]["current"]
    return bool(epochs["processed"] > epochs["completed"])


def give_back_batch(fit_loop: dict[str, Any]) -> int | None:
    """Uncount the batch that was read but not trained on, so that it is read again.

    Args:
        fit_loop: The state of Lightning's loops; changed.

    Returns:
        The number of batches of the epoch that are done; None if no batch waits.
    """
    batches = fit_loop[_BATCHES]
    if batches["current"]["ready"] <= batches["current"]["started"]:
        return None
    for count in (batches["current"], batches["total"]):
        count["ready"] -= 1
    batches["is_last_batch"] = False
    return int(batches["current"]["ready"])


def begin_next_epoch(fit_loop: dict[str, Any], *, limits_steps: bool) -> None:
    """Advance the state at the end of an epoch, which is not counted yet, to the next epoch.

    Args:
        fit_loop: The state of Lightning's loops; changed.
        limits_steps: Whether `max_steps` ends the training. Lightning then treats each resumed
            training as one within an epoch: it would end the epoch again, or, without a batch,
            count a step too many.
    """
    for count in fit_loop[_EPOCHS].values():
        count["completed"] = count["processed"]
    if limits_steps:
        batches, validation = fit_loop[_BATCHES], fit_loop[_VALIDATION]
        for count in (batches["current"], validation["current"], validation["total"]):
            count.update(dict.fromkeys(count, 0))
        batches["is_last_batch"] = validation["is_last_batch"] = False
        fit_loop[_STATE][_STEPPED] -= 1


def take_over_processes(launcher: Launcher) -> list[Popen[bytes]]:
    """Return the processes that a launcher will start, and stop Lightning from watching them."""
    while not any(thread.name == _OBSERVER for thread in threading.enumerate()):
        time.sleep(_POLL_SECONDS)
    watched = launcher.procs
    processes = launcher.procs = [*watched]
    # Lightning's thread ends when this list is empty.
    watched.clear()
    return processes
