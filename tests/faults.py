"""Faults that trainings of tests are given, as `--trainer.callbacks+=tests.faults.<Name>`."""

import os
import signal
from dataclasses import replace
from typing import Any, Literal

import lightning as L
import torch
from torch import Tensor

from m3net.models.outputs import Outputs


class Poison(L.Callback):
    """Makes numbers of some training batches NaN or infinite.

    Batches are those that this process has trained on, counted from 0.
    """

    def __init__(
        self,
        batches: list[int],
        what: Literal["vectors", "logits", "gradient"] = "vectors",
        value: float = float("nan"),
        rank: int = 0,
    ) -> None:
        self.batches, self.what, self.value, self.rank = batches, what, value, rank
        self._batch = -1

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:  # noqa: ANN401 - any task
        if trainer.global_rank != self.rank:
            return
        pl_module.network.register_forward_hook(self._spoil_outputs)
        next(pl_module.network.parameters()).register_hook(self._spoil_gradient)

    def on_train_batch_start(self, *_: object, **__: object) -> None:
        self._batch += 1

    def _strikes(self, module: torch.nn.Module) -> bool:
        return module.training and self._batch in self.batches

    def _spoil_outputs(self, module: Any, _: object, outputs: Outputs) -> Outputs:  # noqa: ANN401
        if not self._strikes(module) or self.what == "gradient":
            return outputs
        if self.what == "logits":
            return replace(outputs, logits=outputs.logits * self.value)
        assert outputs.phi is not None
        return replace(outputs, phi=outputs.phi * self.value)

    def _spoil_gradient(self, gradient: Tensor) -> Tensor:
        strikes = self.what == "gradient" and self._batch in self.batches
        return gradient * self.value if strikes else gradient


class NoMemory(L.Callback):
    """Raises what torch raises where a device has no memory left."""

    def on_train_batch_start(self, *_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


def kill_own_process() -> None:
    """End this process as the system does where memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)
