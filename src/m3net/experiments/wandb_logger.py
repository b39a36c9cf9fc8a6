"""Lightning's logger for Weights & Biases, bound to a run folder."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from m3net.base.extras import check_extra
from m3net.errors import ConfigError
from m3net.experiments.wandb_run import init_choices, write_id

_BEST = {"val": "max", "train": "min"}
"""Which value of a metric its summary keeps: validation logs scores, training logs losses."""
_STEP = "trainer/global_step"


class RunWandbLogger(WandbLogger):
    """Logs to W&B what Lightning logs, under names that say which value is the best."""

    def __init__(
        self,
        project: str | None = None,
        name: str | None = None,
        entity: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
        tags: list[str] | None = None,
        notes: str | None = None,
        id: str | None = None,  # noqa: A002 - W&B's own name
        log_model: bool = False,
        save_dir: str = ".",
    ) -> None:
        """Name the run; nothing is started before something is logged.

        Args:
            project: By default that of the environment, else m3net.
            name: Shown for the run; by default the experiment and the run's number.
            entity: Account or team; by default the user's own.
            group: Runs of one name are grouped.
            job_type: Kind of the run within its group.
            tags: Words to find the run by.
            notes: Some words on the run.
            id: Id of a W&B run to go on with; by default the run folder's, or a new one.
            log_model: Whether the best checkpoint is uploaded after the training.
            save_dir: The run folder. Filled in.

        Raises:
            ConfigError: Weights & Biases is not installed.
        """
        check_extra("wandb")
        super().__init__(
            project=project,
            name=name,
            id=id,
            save_dir=save_dir,
            entity=entity,
            group=group,
            job_type=job_type,
            tags=tags,
            notes=notes,
        )
        self._folder, self._best_wanted = Path(save_dir), log_model
        self._checkpoint: ModelCheckpoint | None = None
        self._known: set[str] = set()
        given = {"project": project, "name": name, "id": id}
        self._given = {key for key, value in given.items() if value is not None}

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:  # noqa: ANN401 - as Lightning's
        """The W&B run, started when first asked for; in other processes than the first, a dummy.

        Raises:
            ConfigError: W&B cannot be used as the user wants it.
        """
        import wandb

        if self._experiment is None:
            # What waits to be sent would lie in the home folder, which not each machine has.
            os.environ.setdefault("WANDB_DATA_DIR", str(self._folder / "wandb"))
            try:
                chosen = init_choices(self._folder)
                self._wandb_init |= {key: chosen[key] for key in chosen.keys() - self._given}
                # Lightning passes it on, wandb warns of it.
                self._wandb_init.pop("anonymous", None)
                run = super().experiment
            except wandb.errors.Error as error:
                raise ConfigError(
                    f"Weights & Biases cannot be used: {error}. Set WANDB_MODE=offline to log into "
                    "the run folder, or leave its logger out."
                ) from error
            if not run.disabled:
                write_id(self._folder, run.id)
        return self._experiment

    @rank_zero_only
    def log_hyperparams(self, *_: object, **__: object) -> None:
        """Log nothing: all settings go to the run, of which the hyper-parameters are a part."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log values, and say of each new name which value is the best.

        Args:
            metrics: Numbers, tables or pictures by name.
            step: Of the optimizer.
        """
        for name in metrics.keys() - self._known:
            # A pattern, as "val/*", would hold or not by chance, since Lightning gives "*" itself.
            kept = _BEST.get(name.partition("/")[0])
            if kept is not None and "*" not in name:
                escaped = name.replace(".", "\\.")
                self.experiment.define_metric(escaped, _STEP, step_sync=True, summary=kept)
        self._known |= metrics.keys()
        super().log_metrics(metrics, step)

    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        """Remember whose best checkpoint may be uploaded.

        Args:
            checkpoint_callback: Knows the best checkpoint.
        """
        self._checkpoint = checkpoint_callback

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Upload the best checkpoint after a training, where that is wanted.

        Args:
            status: "success" where nothing went wrong.
        """
        file = Path("" if self._checkpoint is None else self._checkpoint.best_model_path)
        if self._best_wanted and status == "success" and file.is_file():
            import wandb

            artifact = wandb.Artifact(f"model-{self.experiment.id}", type="model")
            # As it lies there: wandb would keep a copy of the file until it is sent.
            artifact.add_file(str(file), policy="immutable")
            self.experiment.log_artifact(artifact, aliases=["best"])
            self._checkpoint = None

    @rank_zero_only
    def finish(self) -> None:
        """End the W&B run, which in a process that goes on would take in what others log."""
        if self._experiment is not None:
            self._experiment.finish()
