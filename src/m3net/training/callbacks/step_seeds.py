"""What chance does to a training step depends on the step alone, not on what was drawn before."""

from typing import Any

import lightning as L
import numpy as np
import torch
from typing_extensions import override


class StepSeeds(L.Callback):
    """Seeds torch before each training step, so that a training can go on at any of them.

    The state of a generator would have to be kept for each process and device.
    """

    def __init__(self) -> None:
        """Start from what `seed_everything` was given."""
        self.seed = torch.initial_seed()

    @override
    def on_train_batch_start(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Seed all devices."""
        known = (self.seed, trainer.global_rank, trainer.current_epoch, batch_idx)
        torch.manual_seed(int(np.random.SeedSequence(known).generate_state(1, np.uint64)[0]))
