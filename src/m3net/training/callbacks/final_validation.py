"""Validation after the last step of a training that ends by `max_steps`."""

import lightning as L
from typing_extensions import override


class FinalValidation(L.Callback):
    """Validates after the last of `max_steps`, if that is within an epoch.

    Lightning would stop without a validation: the last weights could not become the best ones, and
    a training that ends within its first epoch would have none.
    """

    @override
    def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
        """Ask Lightning to stop: it validates before it does."""
        if 0 < trainer.max_steps <= trainer.global_step:
            trainer.should_stop = True
