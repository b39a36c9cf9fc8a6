"""Faults for trainings of tests: `--trainer.callbacks+=tests.support.faults.<Name>`."""

import os
import signal
import time
from dataclasses import dataclass, replace
from typing import Any, Literal

import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from m3net.data.dataset import Reader
from m3net.data.records import Record
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
        pl_module.retriever.network.register_forward_hook(self._spoil_outputs)
        next(pl_module.retriever.network.parameters()).register_hook(self._spoil_gradient)

    def on_train_batch_start(self, *_: object, **__: object) -> None:
        self._batch += 1

    def _strikes(self, module: torch.nn.Module) -> bool:
        return module.training and self._batch in self.batches

    def _spoil_outputs(self, module: Any, _: object, outputs: Outputs) -> Outputs:  # noqa: ANN401
        if not self._strikes(module) or self.what == "gradient":
            return outputs
        if self.what == "logits":
            return replace(outputs, logits=outputs.logits * self.value)
        return replace(outputs, vectors=outputs.vectors * self.value)

    def _spoil_gradient(self, gradient: Tensor) -> Tensor:
        strikes = self.what == "gradient" and self._batch in self.batches
        return gradient * self.value if strikes else gradient


class NoMemory(L.Callback):
    """Raises what torch raises where a device has no memory left."""

    def on_train_batch_start(self, *_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")


class SlowLoaders(L.Callback):
    """Lets each loader process take half a second to start, before and after torch sets it up."""

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        del trainer, pl_module, stage
        usual = torch.set_num_threads

        def slow(nthreads: int) -> None:
            time.sleep(0.25)
            usual(nthreads)

        torch.set_num_threads = slow
        os.register_at_fork(after_in_child=lambda: time.sleep(0.25))


class BadReader(L.Callback):
    """Lets each process that reads one image die, hang, or die when its training was to stop."""

    def __init__(self, image: str, what: Literal["die", "hang", "stop"]) -> None:
        self.image, self.what = image, what

    def setup(self, trainer: Any, pl_module: L.LightningModule, stage: str) -> None:  # noqa: ANN401
        del pl_module, stage
        data = trainer.datamodule
        reader = _BadReader(data.contents.reader, self.image, self.what)
        data.__dict__["contents"] = replace(data.contents, reader=reader)


@dataclass(frozen=True)
class _BadReader:
    reader: Reader
    image: str
    what: str

    def __call__(self, record: Record) -> NDArray[np.uint8]:
        if record.path == self.image:
            if self.what == "hang":
                time.sleep(1000)
            if self.what == "stop":
                os.kill(os.getppid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGKILL)
        return self.reader(record)


class SameWeights(L.Callback):
    """Fails where processes do not hold the same weights after a step, or have not moved at all."""

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *_: object, **__: object
    ) -> None:
        del trainer
        self._before = _weights(pl_module)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, *_: object, **__: object
    ) -> None:
        own = _weights(pl_module)
        everywhere = trainer.strategy.all_gather(own)
        assert isinstance(everywhere, Tensor)
        assert all(torch.equal(other, own) for other in everywhere)
        assert torch.equal(own, self._before) == (trainer.global_step == 1)


def _weights(module: torch.nn.Module) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in module.parameters()])


class Interrupt(L.Callback):
    """Presses Ctrl-C before the first batch of a test."""

    def on_test_batch_start(self, *_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGINT)
