"""Averages of the weights over the training, which are validated, kept and tested."""

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor
from typing_extensions import override

from m3net.errors import ConfigError


class WeightAverage(WeightAveraging):
    """Keeps an exponential moving average of all weights and buffers, from the first step on.

    A checkpoint holds the averages as its weights, and the current weights beside them.

    Lightning's EMAWeightAveraging has a fixed decay from a given step on: a training that ended
    before it would be judged by its random weights, and one that starts at once by much of them.
    Here the decay grows with the number of steps: the last tenth of them makes most of the average.
    """

    def __init__(self, decay: float = 0.998) -> None:
        """Set the decay.

        Args:
            decay: Share of the old average that a step keeps, 0 to below 1. The n-th step keeps
                n / (9 + n) at most; the first keeps nothing.

        Raises:
            ConfigError: It is out of range.
        """
        if not 0 <= decay < 1:
            raise ConfigError(f"decay of WeightAverage is {decay}: it must be from 0 to below 1.")
        self.decay = decay
        super().__init__(multi_avg_fn=self._move)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Update the average after an optimizer step; skip steps without gradients."""
        if all(parameter.grad is None for parameter in pl_module.parameters()):
            self._latest_update_step = trainer.global_step
        else:
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    @override
    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep the weights of the last step: one more checkpoint may be written."""

    @override
    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Load the averages into the network, and drop them.

        Lightning keeps them, puts them into the place of whatever is validated later, and loads
        the weights of the last step where a test asks for a checkpoint.
        """
        self._copy_average_to_current(pl_module)
        self._average_model = None

    @override
    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Restore average and weights when a training resumes; else load the average alone."""
        if self._average_model is not None:
            super().on_load_checkpoint(trainer, pl_module, checkpoint)

    def _move(self, averages: list[Tensor], current: list[Tensor], steps: Tensor | int) -> None:
        """Move averages towards the current values.

        Args:
            averages: To be changed.
            current: What the latest step has made of them.
            steps: Steps that have been averaged before, at least 1.
        """
        done = int(steps)
        share = 1 - min(self.decay, (1 + done) / (10 + done))
        for average, own in zip(averages, current, strict=True):
            if average.is_floating_point():
                average.lerp_(own, share)
            else:  # counters and flags have no mean
                average.copy_(own)
