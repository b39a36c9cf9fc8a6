"""Lightning's logger for Weights & Biases, bound to a run folder: offline without a login.

The folder keeps the id of its W&B run, so that whatever resumes in it, or starts from its
checkpoint, continues the same W&B run.
"""

import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only
from typing_extensions import override

from m3net.base.extras import check_extra
from m3net.base.files import write_text
from m3net.boundary.parsing import parsing
from m3net.boundary.plain_values import read_yaml
from m3net.boundary.regular_file import read_text
from m3net.errors import CheckpointError, ConfigError
from m3net.experiments.run import Run

_BEST = {"val": "max", "train": "min"}
"""The best value of a metric, which its summary keeps: val/ logs scores, train/ logs losses."""
_STEP = "trainer/global_step"

_log = logging.getLogger(__name__)


class RunWandbLogger(WandbLogger):
    """Logs to W&B what Lightning logs, the settings and the evaluations of a run."""

    def __init__(
        self,
        project: str | None = None,
        name: str | None = None,
        entity: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
        tags: list[str] | None = None,
        notes: str | None = None,
        id: str | None = None,  # noqa: A002 - W&B's name
        log_model: bool = False,
        save_dir: str = ".",
    ) -> None:
        """Name the W&B run, which starts when something is logged.

        Args:
            project: By default that of the environment, else m3net.
            name: Shown for the run; by default the experiment and the run's number.
            entity: Account or team; by default the user's own.
            group: Runs of one name are grouped.
            job_type: Kind of the run within its group.
            tags: Words to find the run by.
            notes: Some words on the run.
            id: Id of a W&B run to continue; by default the run folder's, or a new one.
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
        self._run, self._uploads_best = Run(Path(save_dir)), log_model
        self._checkpoint: ModelCheckpoint | None = None
        self._defined: set[str] = set()
        settings = {"project": project, "name": name, "id": id}
        self._set_by_user = {key for key, value in settings.items() if value is not None}

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:  # noqa: ANN401 - as Lightning's
        """The W&B run, started on first use; a dummy in all processes but the first.

        Raises:
            ConfigError: W&B cannot be used as the user wants it.
        """
        import wandb

        if self._experiment is None:
            # By default, files to be sent wait in the home folder, which not each machine has.
            os.environ.setdefault("WANDB_DATA_DIR", str(self._run.folder / "wandb"))
            try:
                defaults = _init_defaults(self._run)
                self._wandb_init |= {
                    key: defaults[key] for key in defaults.keys() - self._set_by_user
                }
                # Lightning sets it, and wandb warns of it.
                self._wandb_init.pop("anonymous", None)
                started = super().experiment
            except wandb.errors.Error as error:
                raise ConfigError(
                    f"Weights & Biases cannot be used: {error}. Set WANDB_MODE=offline to log into "
                    "the run folder, or leave its logger out."
                ) from error
            if not started.disabled:
                _write_id(self._run, started.id)
                # A link into wandb's cache; a folder with a link that leads out is not resumed.
                (Path(started.dir).parent / "logs" / "debug-core.log").unlink(missing_ok=True)
        return self._experiment

    @override
    @rank_zero_only
    def log_hyperparams(self, *_: object, **__: object) -> None:
        """Log all settings; the hyperparameters are a part of them."""
        if self._run.config.is_file() and not self.experiment.disabled:
            settings = read_yaml(self._run.config)
            self.experiment.config.update(settings, allow_val_change=True)

    @override
    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Log values, and define for each new name which value is the best."""
        for name in metrics.keys() - self._defined:
            # A pattern such as "val/*" might lose to the "*" that Lightning defines.
            best = _BEST.get(name.partition("/")[0])
            if best is not None and "*" not in name:
                escaped = name.replace(".", "\\.")
                self.experiment.define_metric(escaped, _STEP, step_sync=True, summary=best)
        self._defined |= metrics.keys()
        super().log_metrics(metrics, step)

    @rank_zero_only
    def log_evaluation(
        self, folder: Path, rows: Sequence[Mapping[str, Any]], pictures: Sequence[Path]
    ) -> None:
        """Log a table of scores, and pictures, under their paths in the run folder.

        Args:
            folder: Of the evaluation, which names the table, such as "test/scores".
            rows: The table.
            pictures: Files, such as "test/gallery.png".
        """
        if self.experiment.disabled:
            return
        table = (folder / "scores").relative_to(self._run.folder).as_posix()
        self.log_table(table, list(rows[0]), [list(row.values()) for row in rows])
        for picture in pictures:
            name = picture.relative_to(self._run.folder).with_suffix("").as_posix()
            self.log_image(name, [str(picture)])

    @override
    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        """Remember the callback that knows the best checkpoint."""
        self._checkpoint = checkpoint_callback

    @override
    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Upload the best checkpoint after a successful training, if wanted."""
        file = Path("" if self._checkpoint is None else self._checkpoint.best_model_path)
        if self._uploads_best and status == "success" and file.is_file():
            import wandb

            artifact = wandb.Artifact(f"model-{self.experiment.id}", type="model")
            # "mutable" would copy the file until it is sent.
            artifact.add_file(str(file), policy="immutable")
            self.experiment.log_artifact(artifact, aliases=["best"])
            self._checkpoint = None

    @rank_zero_only
    def finish(self) -> None:
        """End the W&B run, which would otherwise receive what this process logs later."""
        if self._experiment is not None:
            self._experiment.finish()


def continue_wandb_run(before: Path, folder: Path) -> None:
    """Let a new run folder continue the W&B run of the folder whose checkpoint it starts from."""
    run_id = _read_id(Run(before))
    if run_id is not None:
        _write_id(Run(folder), run_id)


def _init_defaults(run: Run) -> dict[str, Any]:
    """Return arguments of `wandb.init`; None for those that environment variables set.

    Raises:
        CheckpointError: The folder holds W&B settings, which may send a login to a stranger.
    """
    settings_file = run.folder / "wandb" / "settings"
    if settings_file.exists():
        raise CheckpointError(
            f"{settings_file} would tell Weights & Biases which server to log in to, and no "
            "training writes it: remove it."
        )
    run_id = _read_id(run)
    defaults = {
        "project": ("WANDB_PROJECT", "m3net"),
        "dir": ("WANDB_DIR", str(run.folder)),
        "id": ("WANDB_RUN_ID", run_id),
        "resume": ("WANDB_RESUME", "allow"),
        "mode": ("WANDB_MODE", _mode()),
    }
    if run_id is None:
        defaults["name"] = ("WANDB_NAME", "/".join(run.folder.absolute().parts[-2:]))
    settings = {"console": "off", "save_code": False, "quiet": True}
    return {
        key: None if variable in os.environ else value
        for key, (variable, value) in defaults.items()
    } | {
        "settings": {
            key: value
            for key, value in settings.items()
            if f"WANDB_{key.upper()}" not in os.environ
        }
    }


def _write_id(run: Run, run_id: str) -> None:
    write_text(run.wandb_id, f"{run_id}\n")


def _read_id(run: Run) -> str | None:
    """Return the id that a run folder keeps, or None.

    Raises:
        CheckpointError: The file holds something else.
    """
    if not run.wandb_id.is_file():
        return None
    with parsing(run.wandb_id, "delete it, and the training gets a new W&B run"):
        run_id = read_text(run.wandb_id, most=1000).strip()
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,128}", run_id):
            raise ValueError("no id")
        return run_id


def _mode() -> str | None:
    """Choose offline if there is no login, since a question would stop a batch job."""
    import wandb

    if "WANDB_MODE" in os.environ or wandb.setup().settings.mode != "online":
        return None
    if wandb.login(prompt=False, verify=False):
        return None
    _log.info(
        "there is no login to Weights & Biases, so this run is logged offline. To send it: "
        "'wandb login', then 'wandb sync FOLDER' with the folder that is named below."
    )
    return "offline"
