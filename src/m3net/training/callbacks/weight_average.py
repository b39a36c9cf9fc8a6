"""An average of the weights over the training, which is validated, saved and tested."""

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor
from typing_extensions import override

from m3net.errors import ConfigError


class WeightAverage(WeightAveraging):
    """Keeps an exponential moving average of all weights and buffers, from the first step on.

    A checkpoint holds the averages as its weights, and the current weights beside them.

    Lightning's `EMAWeightAveraging` has a fixed decay from a certain step on. A training that ends
    before that step would be evaluated by its random weights; if the step is the first, the random
    weights are a large part of the average. Here the decay grows with the number of steps, so that
    the last tenth of them makes most of the average.
    """

    def __init__(self, decay: float = 0.998) -> None:
        """Set the decay.

        Args:
            decay: Share of the old average that a step keeps, in [0, 1). The n-th step keeps at
                most n / (9 + n), the first nothing.

        Raises:
            ConfigError: It is out of range.
        """
        if not 0 <= decay < 1:
            raise ConfigError(f"decay of WeightAverage is {decay}: it must be in [0, 1).")
        self.decay = decay
        super().__init__(multi_avg_fn=self._move)

    @override
    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Update the average after an optimizer step; skip steps without gradients."""
        if all(parameter.grad is None for parameter in pl_module.parameters()):
            self._latest_update_step = trainer.global_step
        else:
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    @override
    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Do not load the averages yet: one more checkpoint may be written."""

    @override
    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Load the averages into the network, and drop them.

        Lightning would keep them, validate them instead of any later weights, and load the weights
        of the last step when a test loads a checkpoint.
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
        """Move averages in place towards the current values, after at least one averaged step."""
        done = int(steps)
        share = 1 - min(self.decay, (1 + done) / (10 + done))
        for average, value in zip(averages, current, strict=True):
            if average.is_floating_point():
                average.lerp_(value, share)
            else:  # counters and flags have no mean
                average.copy_(value)
