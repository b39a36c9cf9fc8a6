"""The flags that m3net adds to those of Lightning, and the defaults of checkpoints."""

from dataclasses import dataclass, field
from typing import Literal

from jsonargparse.typing import PositiveInt
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser

from m3net.models.representations import Ranking
from m3net.training.callbacks.finite_steps import NonFinite


@dataclass
class Flags:
    """Run folder, reports and resuming."""

    experiment: str = "m3net"
    """Name of the experiment; runs are numbered in it."""
    runs: str = "runs"
    """Folder of all experiments."""
    details: bool = False
    """Write scores of each class and query beside those of a test or validation."""
    report: bool | Literal["auto"] = "auto"
    """Write test/report.html, one page about a test; auto does so up to 10,000 images."""
    rankings: list[Ranking] = field(default_factory=list)
    """Representations by which m3net train also validates and tests the best weights; tables of
    others than model.ranking go to the run's folder rankings/."""
    resume: str | None = None
    """Run folder whose training resumes, with its settings and in the same folder; or 'auto' for
    the latest run of the experiment, and a new run if that is finished."""
    trust: list[str] = field(default_factory=list)
    """Class that the settings of the run folder may name beside m3net's, such as
    lightning.pytorch.callbacks.EarlyStopping; it is built with their arguments, whatever it does.
    Repeat the flag for each class."""
    last_every_n_steps: PositiveInt | None = None
    """Steps within an epoch after which checkpoints/last.ckpt is written again; by default it is
    written only at the end of each epoch."""
    nonfinite: NonFinite = "stop"
    """What a training does at a step whose loss or gradient is NaN or infinite: stop with an error
    that names the images, or skip the step, and count it in metrics.json."""


def add_flags(parser: LightningArgumentParser) -> None:
    """Add the flags, and those of the callback that keeps the best checkpoint, to a parser."""
    parser.add_class_arguments(Flags)
    parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
    parser.set_defaults(
        {
            "checkpoint.monitor": "val/map_all",
            "checkpoint.mode": "max",
            "checkpoint.filename": "best",
            "checkpoint.save_last": True,
            "checkpoint.auto_insert_metric_name": False,
            "checkpoint.enable_version_counter": False,
        }
    )
