"""Where a training that was stopped goes on: from which checkpoint, with what settings."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from m3net.base.differences import differences
from m3net.base.files import remove_parts, write_text, writing
from m3net.base.process_tree import is_first_process
from m3net.boundary.parsing import parsing
from m3net.boundary.plain_values import read_json
from m3net.boundary.typed import read_as
from m3net.errors import CheckpointError, ConfigError
from m3net.experiments.checkpoints import PROGRESS
from m3net.experiments.csv_logger import forget_rows
from m3net.experiments.run import PLACES, Run
from m3net.models.restoring import load_checkpoint

_log = logging.getLogger(__name__)

AUTO = "auto"
_NAMES = ("last", "previous", "best")
_LIMITS = ("max_epochs", "max_steps", "max_time")
SURVIVAL = ("resume", "trust", "last_every_n_steps")
"""Settings that say how a training is gone on with."""
_FREE = (
    *(*PLACES, "details", "report", "rankings", "last_every_n_steps", "checkpoint.dirpath"),
    *("trainer.default_root_dir", "trainer.logger", "trainer.enable_", "trainer.log_every_n_steps"),
    *("trainer.profiler", "trainer.max_time", "data.init_args.file", "data.init_args.root"),
    *(f"data.init_args.loading.{name}" for name in ("num_workers", "timeout", "max_pixels")),
)
"""Settings, or beginnings of their names, that change nothing of what is trained."""
_FIXED = ("model.network", "model.loss", "data.class_path")
_WITHIN = (
    *("seed_everything", "data.init_args.loading", "trainer.devices", "trainer.num_nodes"),
    *("trainer.accumulate_grad_batches", "trainer.limit_train_batches", "trainer.overfit_batches"),
)
"""Settings that say which batches an epoch has."""


class _Finish(BaseModel):
    """What finished.json says."""

    command: Literal["fit", "train"]
    steps: int
    limits: dict[str, Any]


class Finished(Exception):  # noqa: N818 - it is no error
    """There is nothing to go on with; the text says why."""


@dataclass(frozen=True)
class Start:
    """Where a training goes on.

    Attributes:
        file: The checkpoint; None for the beginning of the training.
        contents: Its contents.
        remark: What the user should know of the choice; may be empty.
    """

    file: Path | None
    contents: dict[str, Any] | None
    remark: str = ""

    @property
    def steps(self) -> int:
        """Steps of the optimizer that are kept."""
        return 0 if self.contents is None else int(self.contents["global_step"])

    @property
    def within_epoch(self) -> bool:
        """Whether an epoch has begun."""
        return self.contents is not None and self.contents[PROGRESS]["batches"] > 0


def latest_run(root: Path, experiment: str) -> Path | None:
    """Give the latest run of an experiment, if it began and did not end.

    Args:
        root: Folder of all runs.
        experiment: Name of the experiment.
    """
    latest = Run.latest(root, experiment)
    if latest is None or not latest.config.is_file() or latest.finished.is_file():
        return None
    return latest.folder


def take_up(run: Path, command: str, settings: Mapping[str, Any]) -> Start:
    """Find where a run goes on, say so, and undo what it wrote after that point.

    Args:
        run: The run folder.
        command: "fit" or "train".
        settings: Those that it goes on with.

    Raises:
        Finished: It has nothing left to do.
        M3NetError: It cannot go on, or not with these settings.
    """
    check_unfinished(run, command, settings)
    start = find_start(run)
    changed = changes(Run(run).settings(), settings, start)
    if is_first_process():
        prepare(run, start)
    if start.remark:
        _log.info(start.remark)
    if changed:
        _log.warning(f"goes on with other settings than before: {'; '.join(changed)}.")
    return start


def find_start(run: Path) -> Start:
    """Choose the newest checkpoint of a run that is whole.

    Args:
        run: The run folder.

    Raises:
        CheckpointError: There are checkpoints, but none to go on from.
    """
    problems = []
    for name in _NAMES:
        file = Run(run).checkpoint(name)
        if not file.is_file():
            continue
        try:
            contents = _whole(file)
        except CheckpointError as error:
            problems.append(str(error))
            continue
        passed = f"goes on from {file}, step {contents['global_step']:,}, since "
        remark = passed + " ".join(problems) if problems else ""
        if not problems and name != "last":
            remark = f"{passed}there is no {Run(run).checkpoint('last').name}."
        return Start(file, contents, remark)
    if problems:
        raise CheckpointError(
            f"no checkpoint of {run} can be gone on from: {' '.join(problems)} "
            "'m3net fit --ckpt_path FILE' starts a new run from one that can be read."
        )
    return Start(None, None, f"{run} has no checkpoint yet: it starts from its beginning.")


def prepare(run: Path, start: Start) -> None:
    """Take away what the run wrote after the point that it goes on from.

    Args:
        run: The run folder, which no other process writes to.
        start: Where it goes on.

    Raises:
        OutputError: The folder cannot be written to.
    """
    with writing(run):
        remove_parts(run)
        Run(run).finished.unlink(missing_ok=True)
    forget_rows(Run(run).curves, start.steps)


def finish(run: Path, command: str, settings: Mapping[str, Any], steps: int) -> None:
    """Note that a command has done all that it was to do.

    Args:
        run: The run folder.
        command: "fit" or "train".
        settings: Its own.
        steps: That were taken.
    """
    limits = {name: settings["trainer"][name] for name in _LIMITS}
    text = json.dumps({"command": command, "steps": steps, "limits": limits}, indent=2, default=str)
    write_text(Run(run).finished, text + "\n")


def check_unfinished(run: Path, command: str, settings: Mapping[str, Any]) -> None:
    """Say so where nothing is left to do.

    Args:
        run: The run folder.
        command: "fit" or "train", which also tests.
        settings: Those that it would go on with.

    Raises:
        Finished: All is done.
    """
    file = Run(run).finished
    if not file.is_file():
        return
    limits = json.loads(json.dumps({n: settings["trainer"][n] for n in _LIMITS}, default=str))
    with parsing(file, "delete it, and the run goes on"):
        done = read_as(_Finish, read_json(file))
    if done.command in (command, "train") and done.limits == limits:
        raise Finished(
            f"{run} is finished, {done.steps:,} steps: there is nothing to go on with. "
            "To train on, raise --trainer.max_epochs."
        )


def changes(before: Mapping[str, Any], now: Mapping[str, Any], start: Start) -> list[str]:
    """Name the settings by which a training becomes another one than without a stop.

    Args:
        before: Those of the run.
        now: Those that it goes on with.
        start: Where it goes on.

    Raises:
        ConfigError: Its state cannot be taken over with them.
    """
    found = differences(dict(before), dict(now))
    found = {name: said for name, said in found.items() if not name.startswith(_FREE)}
    fixed = _FIXED + (_WITHIN if start.within_epoch else ())
    refused = [said for name, said in found.items() if name.startswith(fixed)]
    if refused and start.contents is not None:
        raise ConfigError(
            f"--resume cannot take over the state of the training with these settings: "
            f"{'; '.join(refused)}. Restore them, or start a new run."
        )
    return list(found.values())


def _whole(file: Path) -> dict[str, Any]:
    """Load a checkpoint that was made to be gone on from.

    Raises:
        CheckpointError: It is damaged, or was not.
    """
    contents = load_checkpoint(file)
    progress = contents.get(PROGRESS)
    if not isinstance(progress, dict) or type(progress.get("batches")) is not int:
        raise CheckpointError(f"{file} was not made where a training can go on.")
    return contents
