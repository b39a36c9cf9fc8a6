"""Seeds of training steps, independent of the random numbers drawn before."""

from typing import Any

import lightning as L
import numpy as np
import torch
from typing_extensions import override


class StepSeeds(L.Callback):
    """Seeds torch before each training step, so that a training can resume at any step.

    Otherwise checkpoints would need the generator states of all processes and devices.
    """

    def __init__(self) -> None:
        """Start from the seed of `seed_everything`."""
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
        entropy = (self.seed, trainer.global_rank, trainer.current_epoch, batch_idx)
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]))
