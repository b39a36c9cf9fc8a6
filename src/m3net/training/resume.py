"""Where an interrupted training resumes: its checkpoint and its settings."""

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
from m3net.experiments.csv_logger import drop_rows
from m3net.experiments.run import PLACES, Run
from m3net.models.restoring import load_checkpoint

_log = logging.getLogger(__name__)

AUTO = "auto"
_NAMES = ("last", "previous", "best")
_LIMITS = ("max_epochs", "max_steps", "max_time")
SURVIVAL = ("resume", "trust", "last_every_n_steps")
"""Settings of how a training resumes, not of what it trains."""
_FREE = (
    *PLACES,
    "details",
    "report",
    "rankings",
    "last_every_n_steps",
    "checkpoint.dirpath",
    "trainer.default_root_dir",
    "trainer.logger",
    "trainer.enable_",
    "trainer.log_every_n_steps",
    "trainer.profiler",
    "trainer.max_time",
    "data.init_args.file",
    "data.init_args.root",
    "data.init_args.loading.num_workers",
    "data.init_args.loading.timeout",
    "data.init_args.loading.max_pixels",
)
"""Settings, or prefixes of their names, that do not change what is trained."""
_FIXED = ("model.network", "model.loss", "data.class_path")
"""Settings without which the state of a training cannot be restored."""
_FIXED_WITHIN_EPOCH = (
    "seed_everything",
    "data.init_args.loading",
    "trainer.devices",
    "trainer.num_nodes",
    "trainer.accumulate_grad_batches",
    "trainer.limit_train_batches",
    "trainer.overfit_batches",
)
"""Settings that determine the batches of an epoch."""


class _Finish(BaseModel):
    """The content of finished.json."""

    command: Literal["fit", "train"]
    steps: int
    limits: dict[str, Any]


class Finished(Exception):  # noqa: N818 - not an error
    """There is nothing to resume; the text says why."""


@dataclass(frozen=True)
class Start:
    """The checkpoint from which a training resumes."""

    file: Path | None
    """None for the beginning of the training."""
    contents: dict[str, Any] | None
    """The contents of the checkpoint."""
    remark: str = ""
    """Why it is not the newest checkpoint; may be empty."""

    @property
    def steps(self) -> int:
        """Optimizer steps that the checkpoint has."""
        return 0 if self.contents is None else int(self.contents["global_step"])

    @property
    def within_epoch(self) -> bool:
        """Whether the checkpoint was saved within an epoch."""
        return self.contents is not None and self.contents[PROGRESS]["batches"] > 0


def latest_run(root: Path, experiment: str) -> Path | None:
    """Return the folder of an experiment's latest run, or None if that is finished or not begun."""
    latest = Run.latest(root, experiment)
    if latest is None or not latest.config.is_file() or latest.finished.is_file():
        return None
    return latest.folder


def resume_run(run: Path, command: str, settings: Mapping[str, Any]) -> Start:
    """Find where a run folder resumes, log it, and undo what it wrote after that point.

    Raises:
        Finished: Nothing is left to do.
        M3NetError: It cannot resume, or not with these settings.
    """
    check_unfinished(run, command, settings)
    start = find_start(run)
    changed = changes(Run(run).settings(), settings, start)
    if is_first_process():
        prepare(run, start)
    if start.remark:
        _log.info(start.remark)
    if changed:
        _log.warning(f"resumes with other settings than before: {'; '.join(changed)}.")
    return start


def find_start(run: Path) -> Start:
    """Return the newest intact checkpoint of a run folder.

    Raises:
        CheckpointError: There are checkpoints, but none to resume from.
    """
    problems = []
    for name in _NAMES:
        file = Run(run).checkpoint(name)
        if not file.is_file():
            continue
        try:
            contents = _load(file)
        except CheckpointError as error:
            problems.append(str(error))
            continue
        if name != "last" and not problems:
            problems = [f"there is no {Run(run).checkpoint('last').name}."]
        chosen = f"resumes from {file}, step {contents['global_step']:,}, since "
        return Start(file, contents, chosen + " ".join(problems) if problems else "")
    if problems:
        raise CheckpointError(
            f"no checkpoint of {run} can be resumed: {' '.join(problems)} Set ckpt_path to one "
            "that can be read, to start a new run from it."
        )
    return Start(None, None, f"{run} has no checkpoint yet: it starts from the beginning.")


def prepare(run: Path, start: Start) -> None:
    """Delete what a run wrote after the point where it resumes; no other process may write there.

    Raises:
        OutputError: The folder cannot be written to.
    """
    with writing(run):
        remove_parts(run)
        Run(run).finished.unlink(missing_ok=True)
    drop_rows(Run(run).curves, start.steps)


def finish(run: Path, command: str, settings: Mapping[str, Any], steps: int) -> None:
    """Write finished.json: "fit" or "train" ended after some optimizer steps, by its settings."""
    content = {"command": command, "steps": steps, "limits": _limits(settings)}
    write_text(Run(run).finished, f"{json.dumps(content, indent=2)}\n")


def check_unfinished(run: Path, command: str, settings: Mapping[str, Any]) -> None:
    """Check that "fit", or "train", which also tests, has something left to do in a run folder.

    Raises:
        Finished: It has not.
    """
    file = Run(run).finished
    if not file.is_file():
        return
    with parsing(file, "delete it, and the run resumes"):
        done = read_as(_Finish, read_json(file))
    if done.command in (command, "train") and done.limits == _limits(settings):
        raise Finished(
            f"{run} is finished, {done.steps:,} steps: there is nothing to resume. To train on, "
            "raise trainer.max_epochs."
        )


def changes(before: Mapping[str, Any], now: Mapping[str, Any], start: Start) -> list[str]:
    """Return the changed settings that make the training differ from an uninterrupted one.

    Raises:
        ConfigError: The state of the training cannot be restored with them.
    """
    phrases = {
        name: phrase
        for name, phrase in differences(dict(before), dict(now)).items()
        if not name.startswith(_FREE)
    }
    fixed = _FIXED + (_FIXED_WITHIN_EPOCH if start.within_epoch else ())
    refused = [phrase for name, phrase in phrases.items() if name.startswith(fixed)]
    if refused and start.contents is not None:
        raise ConfigError(
            f"the state of the training cannot be restored with these settings: "
            f"{'; '.join(refused)}. Restore the settings, or start a new run."
        )
    return list(phrases.values())


def _limits(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that end a training, as JSON reads them back."""
    limits = {name: settings["trainer"][name] for name in _LIMITS}
    plain: dict[str, Any] = json.loads(json.dumps(limits, default=str))
    return plain


def _load(file: Path) -> dict[str, Any]:
    """Load a checkpoint from which a training can resume.

    Raises:
        CheckpointError: It is damaged, or of another kind.
    """
    contents = load_checkpoint(file)
    progress = contents.get(PROGRESS)
    if not isinstance(progress, dict) or type(progress.get("batches")) is not int:
        raise CheckpointError(f"{file} was not saved where a training can resume.")
    return contents
