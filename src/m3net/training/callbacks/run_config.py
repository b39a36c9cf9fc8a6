"""The resolved settings of a training, as a file of its run folder."""

from pathlib import Path

import lightning as L
from lightning.pytorch.cli import SaveConfigCallback
from typing_extensions import override

from m3net.base.files import replacing
from m3net.experiments.run import Run


class RunConfig(SaveConfigCallback):
    """Writes the resolved configuration of a training into its run folder."""

    @override
    def save_config(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Write config.yaml."""
        if stage == "fit":
            with replacing(Run(Path(trainer.default_root_dir)).config) as part:
                self.parser.save(self.config, str(part), skip_unset=False, overwrite=True)
