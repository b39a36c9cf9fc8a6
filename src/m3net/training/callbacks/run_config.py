"""The resolved settings of a training, as a file of its run folder."""

from pathlib import Path

import lightning as L
from lightning.pytorch.cli import SaveConfigCallback

from m3net.base.files import replacing
from m3net.experiments.run import Run


class RunConfig(SaveConfigCallback):
    """Writes the resolved configuration of a training into its run folder."""

    def save_config(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Write config.yaml.

        Args:
            trainer: Its root folder is the run folder.
            pl_module: Not used.
            stage: Only "fit" has something to write.
        """
        del pl_module
        if stage == "fit":
            with replacing(Run(Path(trainer.default_root_dir)).config) as part:
                self.parser.save(self.config, str(part), skip_unset=False, overwrite=True)
