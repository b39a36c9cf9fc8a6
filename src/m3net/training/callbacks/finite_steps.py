"""NaN and infinite losses and gradients: they stop the training, or the step is skipped."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
import torch.distributed as dist
from torch import Tensor
from typing_extensions import override

from m3net.base.escaping import csv_cell
from m3net.base.process_tree import is_first_process
from m3net.errors import TrainingError
from m3net.experiments.csv_logger import append_rows
from m3net.experiments.run import Run
from m3net.metrics.distributed.process_group import ProcessGroup
from m3net.training.task import M3NetTask

NonFinite = Literal["stop", "skip"]

GRADIENT = "gradient"
MOST_SKIPPED = 20
"""Skipped steps in a row that end the training: the weights no longer move."""
_MOST_UNREAD = 50
"""Steps after which values are read even if nothing is logged."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NonFiniteStep:
    """The first step that was not finite; the same in all processes."""

    step: int
    """Counted from 0, as in metrics.csv."""
    terms: tuple[str, ...]
    """Names of the loss terms, and "gradient", that were not finite."""
    images: tuple[str, ...]
    """Paths of the step's images, over all processes."""

    def __str__(self) -> str:
        """Return a sentence without its full stop."""
        shown = ", ".join(self.images[:5])
        more = len(self.images) - 5
        shown += f" and {more} more" if more > 0 else ""
        return f"step {self.step}: {', '.join(self.terms)} not finite on {shown}"


class FiniteSteps(L.Callback):
    """Checks the loss terms of each batch and the gradient of each step.

    Reading a number from a GPU waits for all queued work. With the policy "stop" values are
    therefore read when losses are logged, and before anything is validated or saved: some steps may
    be wasted, but no bad weights are kept. With "skip" they are read at each step, before the
    weights move.

    Under 16-mixed the scaler checks the gradients, and only losses are checked here.

    Attributes:
        skipped: Number of skipped steps.
    """

    def __init__(self, folder: Path, policy: NonFinite) -> None:
        """Set the policy.

        Args:
            folder: The run folder, whose nonfinite.csv lists steps and images.
            policy: stop raises an error. skip keeps weights, optimizer, class centres and other
                buffers as they were before the step; the learning rate still changes.
        """
        self.run, self.policy = Run(folder), policy
        self.skipped = self._in_a_row = 0
        self._unread: list[tuple[int, str, Tensor, Tensor]] = []
        self._buffers: list[Tensor] | None = None

    @override
    def state_dict(self) -> dict[str, Any]:
        """Return the count of skipped steps."""
        return {"skipped": self.skipped}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the count."""
        self.skipped = state_dict["skipped"]

    @override
    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *_: object
    ) -> None:
        """Copy the buffers, such as class centres, before the first forward pass of a step."""
        if self.policy == "skip" and self._buffers is None:
            self._buffers = [buffer.clone() for buffer in pl_module.buffers()]

    @override
    def on_after_backward(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Collect the loss terms of a batch, unread."""
        if isinstance(pl_module, M3NetTask):
            for name, term in pl_module.latest_terms.items():
                self._unread.append((trainer.global_step, name, term, pl_module.latest_index))

    @override
    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Collect the gradient of a step, and skip the step by the policy "skip".

        Raises:
            TrainingError: Too many steps in a row were skipped.
        """
        if isinstance(pl_module, M3NetTask) and not _is_scaled(trainer):
            gradients = [p.grad for p in pl_module.parameters() if p.grad is not None]
            largest = torch.nn.utils.get_total_norm(gradients, norm_type=inf)
            self._unread.append((trainer.global_step, GRADIENT, largest, pl_module.latest_index))
        if self.policy == "stop":
            return
        bad = self._read(trainer)
        if bad is None:
            self._in_a_row = 0
        else:
            self._skip(bad, pl_module)
        self._buffers = None

    @override
    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *_: object
    ) -> None:
        """Read the values when losses are logged, which waits for the GPU anyway.

        Raises:
            TrainingError: A step was not finite.
        """
        unread = 0 if not self._unread else trainer.global_step - self._unread[0][0]
        logged_every = getattr(trainer, "log_every_n_steps", 0)
        if unread >= min(logged_every or 1, _MOST_UNREAD):
            self._check(trainer)
        if self.policy == "skip" and self.skipped:
            pl_module.log("train/skipped_steps", float(self.skipped))

    @override
    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Read before weights are validated."""
        self._check(trainer)

    @override
    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Read before an epoch counts."""
        self._check(trainer)

    @override
    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Read before weights are saved.

        Raises:
            TrainingError: A step was not finite; nothing is written.
        """
        self._check(trainer)

    def _check(self, trainer: L.Trainer) -> None:
        # By the policy "skip", on_before_optimizer_step reads the values of its step.
        bad = self._read(trainer) if self.policy == "stop" else None
        if bad is not None:
            self._list_images(bad)
            raise TrainingError(
                f"{bad}; {self.run.nonfinite} lists the images. {self._last_good()}: resume "
                "from there with a lower model.optimizer.lr or with trainer.precision=32-true, "
                "look at these images, or skip such steps by nonfinite=skip."
            )

    def _skip(self, bad: NonFiniteStep, module: L.LightningModule) -> None:
        """Drop the gradients, so that no optimizer moves a weight, and restore the buffers."""
        for parameter in module.parameters():
            parameter.grad = None
        for buffer, before in zip(module.buffers(), self._buffers or (), strict=True):
            buffer.copy_(before)
        self.skipped += 1
        self._in_a_row += 1
        self._list_images(bad)
        _log.warning(f"{bad}; the step is skipped, {self.skipped:,} so far.")
        if self._in_a_row == MOST_SKIPPED:
            raise TrainingError(
                f"{bad}; {MOST_SKIPPED} steps in a row were skipped, so the weights do not move. "
                f"{self._last_good()}: resume from there with a lower model.optimizer.lr or with "
                "trainer.precision=32-true."
            )

    def _read(self, trainer: L.Trainer) -> NonFiniteStep | None:
        """Read the collected values, in all processes together."""
        collected, self._unread = self._unread, []
        if not collected:
            return None
        values = torch.stack([value.float() for _, _, value, _ in collected])
        is_bad = (~values.isfinite()).to(torch.uint8)
        if ProcessGroup.of().size > 1:
            dist.all_reduce(is_bad, dist.ReduceOp.MAX)
        bad = is_bad.tolist()
        if not any(bad):
            return None
        step, first, _, images = collected[bad.index(1)]
        of_step = [row for row, (at, *_) in enumerate(collected) if at == step]
        terms = tuple(dict.fromkeys(collected[row][1] for row in of_step if bad[row]))
        # A gradient comes from all batches of a step; a bad loss may spoil those of later batches.
        blamed = [collected[row][3] for row in of_step] if first == GRADIENT else [images]
        return NonFiniteStep(step, terms, _paths(trainer, blamed))

    def _list_images(self, bad: NonFiniteStep) -> None:
        """Append the images of a step to nonfinite.csv."""
        if is_first_process():
            step = {"step": bad.step, "terms": " ".join(bad.terms)}
            rows = [step | {"image": csv_cell(image)} for image in bad.images]
            append_rows(self.run.nonfinite, ["step", "terms", "image"], rows)

    def _last_good(self) -> str:
        """Name the latest checkpoint; none is written after a step that was not finite."""
        for name in ("last", "best"):
            file = self.run.checkpoint(name)
            if file.is_file():
                return f"The last good checkpoint is {file}"
        return "No checkpoint was written before it"


def _is_scaled(trainer: L.Trainer) -> bool:
    return getattr(trainer.precision_plugin, "scaler", None) is not None


def _paths(trainer: L.Trainer, indices: Sequence[Tensor]) -> tuple[str, ...]:
    """Return the paths of the images of some batches of all processes."""
    images = torch.cat(ProcessGroup.of().all_gather(torch.cat([*indices])))
    loader: Any = trainer.train_dataloader
    return tuple(
        str(loader.dataset.records.paths[image]) for image in dict.fromkeys(images.tolist())
    )
