"""The flags that m3net adds to those of Lightning, and the defaults of checkpoints."""

import functools
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
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
