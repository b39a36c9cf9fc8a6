"""What chance does to a training step depends on the step alone, not on what was drawn before."""

from typing import Any

import lightning as L
import numpy as np
import torch


class StepSeeds(L.Callback):
    """Seeds torch before each training step, so that a training can go on at any of them.

    The state of a generator would have to be kept for each process and device.
    """

    def __init__(self) -> None:
        """Start from what `seed_everything` was given."""
        self.seed = torch.initial_seed()

    def on_train_batch_start(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        batch: Any,  # noqa: ANN401 - Lightning's signature
        batch_idx: int,
    ) -> None:
        """Seed all devices.

        Args:
            trainer: Knows the epoch and the process.
            pl_module: Not used.
            batch: Not used.
            batch_idx: The step's place in the epoch.
        """
        del pl_module, batch
        known = (self.seed, trainer.global_rank, trainer.current_epoch, batch_idx)
        torch.manual_seed(int(np.random.SeedSequence(known).generate_state(1, np.uint64)[0]))
