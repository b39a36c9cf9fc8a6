"""The flags that m3net adds to those of Lightning, and the defaults of checkpoints."""

import functools
import operator
import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal, get_args

from jsonargparse._typehints import ActionTypeHint
from jsonargparse.typing import PositiveInt
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser

from m3net.errors import ConfigError
from m3net.models.representations import Ranking
from m3net.training.callbacks.finite_steps import NonFinite

_TENSORBOARDS = ("tensorboard", "tensorboardX")
_COUNTS_OR_SHARES = re.compile(r"trainer\.(limit_\w+_batches|overfit_batches|val_check_interval)")


def keep_whole_numbers(parser: LightningArgumentParser) -> None:
    """Let the trainer's settings that take a number of batches or a share tell 1 from 1.0.

    Python keeps one `Union[int, float]` for a process, in the order in which its parts were first
    named by any library; by the order of some, 1 would be read as the float, which means all.
    """
    for action in parser._actions:  # noqa: SLF001 - jsonargparse has no other way to change a type
        if _COUNTS_OR_SHARES.fullmatch(action.dest) and isinstance(action, ActionTypeHint):
            parts = get_args(action._typehint)  # noqa: SLF001
            action._typehint = functools.reduce(  # noqa: SLF001
                operator.or_, sorted(parts, key=lambda part: part is not int)
            )


def add_flags(parser: LightningArgumentParser) -> None:
    """Add the flags of run folders, reports, resuming and checkpoints to a command's parser."""
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
        help="Write test/report.html, one page about a test; auto does so up to 10,000 images.",
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
        help="Run folder whose training resumes, with its settings and in the same folder; or "
        "'auto' for the latest run of the experiment, and a new run if that is finished.",
    )
    parser.add_argument(
        "--trust",
        type=list[str],
        default=[],
        help="Class that the settings of the run folder may name beside m3net's, such as "
        "lightning.pytorch.callbacks.EarlyStopping; it is built with their arguments, whatever it "
        "does. Repeat the flag for each class.",
    )
    parser.add_argument(
        "--last_every_n_steps",
        type=PositiveInt | None,
        default=None,
        help="Steps within an epoch after which checkpoints/last.ckpt is written again; by "
        "default it is written only at the end of each epoch.",
    )
    parser.add_argument(
        "--nonfinite",
        type=NonFinite,
        default="stop",
        help="What a training does at a step whose loss or gradient is NaN or infinite: stop with "
        "an error that names the images, or skip the step, and count it in metrics.json.",
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


def complete_loggers(argv: Sequence[str]) -> list[str]:
    """Return arguments with a folder for Lightning's loggers of files; it becomes the run folder.

    Raises:
        ConfigError: TensorBoard is not installed.
    """
    completed = []
    for word in argv:
        completed.append(word)
        flag, _, path = word.partition("=")
        kind = path.rpartition(".")[2]
        if flag != "--trainer.logger" or kind not in ("CSVLogger", "TensorBoardLogger"):
            continue
        if kind == "TensorBoardLogger" and not any(map(find_spec, _TENSORBOARDS)):
            raise ConfigError(
                "trainer.logger is TensorBoardLogger, which needs TensorBoard: run "
                "'pip install tensorboard', or leave the setting out for curves in metrics.csv."
            )
        completed.append("--trainer.logger.save_dir=.")
    return completed
