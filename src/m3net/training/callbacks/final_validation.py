"""A training that ends by a number of steps: its last weights are judged as well."""

from typing import Any

import lightning as L


class FinalValidation(L.Callback):
    """Validates after the last of `max_steps`, where it falls into the middle of an epoch.

    Lightning would end there without: the last weights, at which the schedule comes to rest, could
    not be the best ones, and a training within its first epoch would have no best ones at all.
    """

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Ask Lightning to stop, before which it validates."""
        del pl_module, outputs, batch, batch_idx
        if 0 < trainer.max_steps <= trainer.global_step:
            trainer.should_stop = True
