"""Losses and gradients that are no numbers: they stop a training, or the step is left out."""

import csv
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
from m3net.base.files import detach, writing
from m3net.base.process_tree import is_first_process
from m3net.errors import TrainingError
from m3net.experiments.run import Run
from m3net.training.task import M3NetTask

NonFinite = Literal["stop", "skip"]

GRADIENT = "gradient"
MOST_SKIPPED = 20
"""Steps in a row that are left out: with weights that do not move, the next would fail as well."""
_MOST_UNREAD = 50

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finding:
    """The first step that was no number; the same in all processes.

    Attributes:
        step: As metrics.csv counts it.
        terms: Names of the loss terms, and "gradient", that were not finite.
        images: Paths of the images that it was taken for, over all processes.
    """

    step: int
    terms: tuple[str, ...]
    images: tuple[str, ...]

    def __str__(self) -> str:
        """Say so without a full stop."""
        shown = ", ".join(self.images[:5])
        more = len(self.images) - 5
        shown += f" and {more} more" if more > 0 else ""
        return f"step {self.step}: {', '.join(self.terms)} not finite on {shown}"


class FiniteSteps(L.Callback):
    """Looks at the loss terms of each batch and at the gradient of each step.

    To ask a GPU for a number is to wait until it has done all that was queued. A training that is
    to stop is therefore asked when its losses are logged, and before anything is validated or
    saved: until then it may go on in vain, but nothing of it is kept. One that leaves out steps is
    asked once for each of them, before the weights are moved.

    Under 16-mixed large gradients are the scaler's to judge, and losses alone are looked at.

    Attributes:
        skipped: Steps that were left out.
    """

    def __init__(self, folder: Path, policy: NonFinite) -> None:
        """Say what to do.

        Args:
            folder: The run folder; nonfinite.csv lists steps and images there.
            policy: stop raises an error. skip leaves weights, optimizer, class centres and other
                buffers as they were before the step, and goes on; the learning rate does too.
        """
        self.folder, self.policy = folder, policy
        self.skipped = self._in_a_row = 0
        self._unread: list[tuple[int, str, Tensor, Tensor]] = []
        self._buffers: list[Tensor] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed training has to know."""
        return {"skipped": self.skipped}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it up.

        Args:
            state_dict: As `state_dict` gives it.
        """
        self.skipped = state_dict["skipped"]

    @override
    def on_train_batch_start(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Keep what a forward pass changes, such as class centres, before the first of a step."""
        if self.policy == "skip" and self._buffers is None:
            self._buffers = [buffer.clone() for buffer in pl_module.buffers()]

    def on_after_backward(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the loss terms of a batch, unread.

        Args:
            trainer: Counts the steps.
            pl_module: Knows its latest terms.
        """
        if isinstance(pl_module, M3NetTask):
            for name, term in pl_module.latest_terms.items():
                self._unread.append((trainer.global_step, name, term, pl_module.latest_index))

    @override
    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Take the gradient of a step, and leave the step out where that is asked for.

        Raises:
            TrainingError: Too many steps in a row were left out.
        """
        if isinstance(pl_module, M3NetTask) and not _is_scaled(trainer):
            own = [p.grad for p in pl_module.parameters() if p.grad is not None]
            largest = torch.nn.utils.get_total_norm(own, norm_type=inf)
            self._unread.append((trainer.global_step, GRADIENT, largest, pl_module.latest_index))
        if self.policy == "stop":
            return
        found = self._read(trainer)
        if found is None:
            self._in_a_row = 0
        else:
            self._skip(found, pl_module)
        self._buffers = None

    @override
    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Read what was taken, where losses are logged now and so are read anyway.

        Raises:
            TrainingError: A step was no number.
        """
        unread = 0 if not self._unread else trainer.global_step - self._unread[0][0]
        logged_every = getattr(trainer, "log_every_n_steps", 0)
        if unread >= min(logged_every or 1, _MOST_UNREAD):
            self._check(trainer)
        if self.policy == "skip" and self.skipped:
            pl_module.log("train/skipped_steps", float(self.skipped))

    @override
    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Read before weights are judged."""
        self._check(trainer)

    @override
    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Read before an epoch counts."""
        self._check(trainer)

    @override
    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Read before weights are kept.

        Raises:
            TrainingError: A step was no number; nothing is written.
        """
        self._check(trainer)

    def _check(self, trainer: L.Trainer) -> None:
        # What a step that is not over has given is judged with that step.
        found = self._read(trainer) if self.policy == "stop" else None
        if found is not None:
            self._note(found)
            raise TrainingError(
                f"{found}; {Run(self.folder).nonfinite} lists the images. {self._kept()}: resume "
                "from there with a lower model.optimizer.lr or with trainer.precision=32-true, "
                "look at these images, or skip such steps by nonfinite=skip."
            )

    def _skip(self, found: Finding, module: L.LightningModule) -> None:
        """Leave no gradient, without which no optimizer moves a weight, and restore the buffers."""
        for parameter in module.parameters():
            parameter.grad = None
        for buffer, before in zip(module.buffers(), self._buffers or (), strict=True):
            buffer.copy_(before)
        self.skipped += 1
        self._in_a_row += 1
        self._note(found)
        _log.warning(f"{found}; the step is skipped, {self.skipped:,} so far.")
        if self._in_a_row == MOST_SKIPPED:
            raise TrainingError(
                f"{found}; {MOST_SKIPPED} steps in a row were skipped, so the training does not "
                f"move. {self._kept()}: resume from there with a lower model.optimizer.lr or with "
                "trainer.precision=32-true."
            )

    def _read(self, trainer: L.Trainer) -> Finding | None:
        """Wait for all that was taken so far; all processes come here together."""
        taken, self._unread = self._unread, []
        if not taken:
            return None
        bad = ~torch.stack([value.float() for _, _, value, _ in taken]).isfinite()
        if _several():
            seen = bad.to(torch.uint8)
            dist.all_reduce(seen, dist.ReduceOp.MAX)
            bad = seen.bool()
        wrong = bad.tolist()
        if not any(wrong):
            return None
        step, first, _, images = taken[wrong.index(True)]
        of_step = [place for place, (at, *_) in enumerate(taken) if at == step]
        terms = tuple(dict.fromkeys(taken[place][1] for place in of_step if wrong[place]))
        # A gradient is that of all batches of the step; a loss may spoil those of later batches.
        blamed = [taken[place][3] for place in of_step] if first == GRADIENT else [images]
        return Finding(step, terms, _paths(trainer, blamed))

    def _note(self, found: Finding) -> None:
        """List the images."""
        if not is_first_process():
            return
        file = Run(self.folder).nonfinite
        new = not file.is_file()
        detach(file)
        with writing(file), file.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            if new:
                writer.writerow(["step", "terms", "image"])
            terms = " ".join(found.terms)
            writer.writerows([found.step, terms, csv_cell(image)] for image in found.images)

    def _kept(self) -> str:
        """Say which checkpoint is the latest; none is written once a step was no number."""
        for name in ("last", "best"):
            file = Run(self.folder).checkpoint(name)
            if file.is_file():
                return f"The last good checkpoint is {file}"
        return "No checkpoint was written before it"


def _is_scaled(trainer: L.Trainer) -> bool:
    return getattr(trainer.precision_plugin, "scaler", None) is not None


def _several() -> bool:
    return dist.is_available() and dist.is_initialized()


def _paths(trainer: L.Trainer, indices: Sequence[Tensor]) -> tuple[str, ...]:
    """Name the images of some batches of all processes."""
    own = torch.cat([*indices]).tolist() if indices else []
    shares = [own]
    if _several():
        shares = [[] for _ in range(dist.get_world_size())]
        dist.all_gather_object(shares, own)
    loader: Any = trainer.train_dataloader
    numbers = dict.fromkeys(number for share in shares for number in share)
    return tuple(str(loader.dataset.records.paths[number]) for number in numbers)
