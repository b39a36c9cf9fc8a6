"""A training that ends by a number of steps: its last weights are judged as well."""

from typing import Any

import lightning as L
from typing_extensions import override


class FinalValidation(L.Callback):
    """Validates after the last of `max_steps`, where it falls into the middle of an epoch.

    Lightning would end there without: the last weights, at which the schedule comes to rest, could
    not be the best ones, and a training within its first epoch would have no best ones at all.
    """

    @override
    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Ask Lightning to stop, before which it validates."""
        if 0 < trainer.max_steps <= trainer.global_step:
            trainer.should_stop = True
