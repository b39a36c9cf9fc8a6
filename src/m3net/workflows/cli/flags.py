"""The flags that m3net adds to those of Lightning, and the rule by which checkpoints are kept."""

from typing import Literal

from jsonargparse.typing import PositiveInt
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser

from m3net.models.representations import Ranking
from m3net.training.callbacks.finite_steps import NonFinite


def add_flags(parser: LightningArgumentParser) -> None:
    """Add the run folder, what is reported, how a training survives, and the checkpoint rule.

    Args:
        parser: Of one command.
    """
    parser.add_argument(
        "--experiment", default="m3net", help="Name of the experiment; runs are numbered in it."
    )
    parser.add_argument("--runs", default="runs", help="Folder of all experiments.")
    parser.add_argument(
        "--details",
        type=bool,
        default=False,
        help="Write scores of each class and query beside those of a test or validation.",
    )
    parser.add_argument(
        "--report",
        type=bool | Literal["auto"],
        default="auto",
        help="Write test/report.html, one page with all of a test; auto does so up to 10,000 "
        "test images.",
    )
    parser.add_argument(
        "--rankings",
        type=list[Ranking],
        default=[],
        help="Representations by which m3net train also validates and tests the best weights; "
        "tables of others than model.ranking go to the run's folder rankings/.",
    )
    parser.add_argument(
        "--resume",
        type=str | None,
        default=None,
        help="Run folder whose training goes on, with its own settings and in the same folder; "
        "or 'auto' for the latest run of the experiment, and a new one where that is finished.",
    )
    parser.add_argument(
        "--trust",
        type=list[str],
        default=[],
        help="Class that the settings of the run folder may name beside m3net's own, as "
        "lightning.pytorch.callbacks.EarlyStopping: whatever it does with its arguments is done. "
        "Repeat the flag for each.",
    )
    parser.add_argument(
        "--last_every_n_steps",
        type=PositiveInt | None,
        default=None,
        help="Steps within an epoch after which checkpoints/last.ckpt is written again; by "
        "default it is written at the end of each epoch.",
    )
    parser.add_argument(
        "--nonfinite",
        type=NonFinite,
        default="stop",
        help="What a training does with a step whose loss or gradient is no finite number: "
        "stop with an error that names its images, or skip it, and count it in metrics.json.",
    )
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
