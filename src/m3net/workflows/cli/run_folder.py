"""Where a command starts and writes: trained weights, a run to resume, or a new run."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from m3net.base.lock import Lock
from m3net.base.process_tree import is_first_process
from m3net.boundary.links import check_run_folder
from m3net.errors import CheckpointError, ConfigError
from m3net.experiments.csv_logger import RunCSVLogger
from m3net.experiments.run import Run, find_checkpoint
from m3net.experiments.wandb_logger import continue_wandb_run
from m3net.models.restoring import load_checkpoint
from m3net.training.resume import AUTO, latest_run, resume_run
from m3net.workflows.cli.run_settings import evaluation_defaults, resumable_settings

EVALUATIONS = ("validate", "test", "predict")


class RunFolder:
    """The run folder of a command, chosen by its arguments and then by its settings.

    Attributes:
        argv: The command and its arguments. Settings of the run that it starts from come first, so
            that config files and flags override them.
        path: The folder; None until it is chosen.
        checkpoint: Contents of the checkpoint that it starts from; None for random weights.
        resumed: The folder of a training that resumes; None for a new one.
    """

    def __init__(self, argv: Sequence[str]) -> None:
        """Read where an evaluation finds its weights, or a training its settings.

        Raises:
            CheckpointError: There is no such checkpoint or run.
        """
        self.argv = list(argv)
        self.path: Path | None = None
        self.checkpoint: dict[str, Any] | None = None
        self.resumed: Path | None = None
        if self.argv and not {"-h", "--help"} & {*self.argv}:
            command, *flags = self.argv
            trusted, others = _take(flags, "--trust", action="append", default=[])
            start = self._evaluate_from if command in EVALUATIONS else self._resume_from
            start(command, others, trusted)

    def choose(self, command: str, config: Namespace) -> Path:
        """Choose the folder, and the checkpoint of a training that starts from another.

        A training locks the folder. The checkpoint is written into the config.

        Raises:
            M3NetError: The command cannot start or write there.
        """
        self._choose_resumed(command, config)
        training, before = command not in EVALUATIONS, None
        if training and config.ckpt_path is not None:
            file = find_checkpoint(Path(config.ckpt_path), ("last", "best"))
            self.checkpoint, config.ckpt_path = load_checkpoint(file), str(file)
            before = _folder_of(file)
        existing = self.path or self.resumed
        if existing is not None:
            check_run_folder(existing)
        if self.path is None:
            self.path = self.resumed or Run.create(Path(config.runs), config.experiment).folder
            if before is not None and is_first_process():
                continue_wandb_run(before, self.path)
        if training and is_first_process():
            self._lock = Lock(Run(self.path).lock)
        return self.path

    def resume(
        self, command: str, config: Namespace, settings: Callable[[], dict[str, Any]]
    ) -> None:
        """Find where a training resumes, if it does, and undo what it wrote after that point.

        The checkpoint is written into the config; `settings` returns the form of config.yaml.

        Raises:
            Finished: Nothing is left to do.
            M3NetError: It cannot resume, or not with these settings.
        """
        if self.resumed is not None:
            start = resume_run(self.resumed, command, settings())
            self.checkpoint = start.contents
            config.ckpt_path = None if start.file is None else str(start.file)

    def _evaluate_from(self, command: str, flags: list[str], trusted: list[str]) -> None:
        """Make the checkpoint's settings the first config."""
        path, others = _take(flags, "--ckpt_path")
        if path is None:
            raise CheckpointError(
                f"'m3net {command}' needs --ckpt_path RUN_FOLDER_OR_FILE: without trained weights "
                "it would evaluate a random network. 'm3net train' trains and then tests."
            )
        file = find_checkpoint(Path(path))
        self.checkpoint, self.path = load_checkpoint(file, trusted), _folder_of(file)
        defaults = json.dumps(
            evaluation_defaults(command, self.checkpoint, self.path, trusted, str(file))
        )
        self.argv = [command, "--config", defaults, *others, "--ckpt_path", str(file)]

    def _resume_from(self, command: str, flags: list[str], trusted: list[str]) -> None:
        """Make the settings of a run the first config of a training that resumes it."""
        path, others = _take(flags, "--resume")
        self.argv = [command, *flags]
        if path not in (None, AUTO):
            self.resumed = Path(path)
            settings = json.dumps(resumable_settings(self.resumed, trusted))
            self.argv = [command, "--config", settings, *others]

    def _choose_resumed(self, command: str, config: Namespace) -> None:
        """Find the training to resume; child processes resume the same."""
        if config.trust:
            raise ConfigError("--trust must be typed: a config file cannot set it.")
        resume, config.resume = config.resume, None
        if resume is None and self.resumed is None:
            return
        if command in EVALUATIONS or config.ckpt_path is not None:
            raise ConfigError("--resume resumes a training, and does not go with --ckpt_path.")
        if self.resumed is None and resume != AUTO:
            raise ConfigError("--resume RUN must be typed: a config file can only set auto.")
        if self.resumed is None:
            self.resumed = latest_run(Path(config.runs), config.experiment)
        if self.resumed is not None:
            self.resumed = Run(self.resumed).share().folder


def write_into(run: Path, command: str, config: Namespace) -> None:
    """Change the settings of a command so that all it writes goes into its run folder."""
    config.trainer.default_root_dir = str(run)
    config.checkpoint.dirpath = str(Run(run).checkpoints)
    if config.trainer.logger is None:
        config.trainer.logger = False if command in EVALUATIONS else _csv_logger(run)
    loggers = config.trainer.logger
    for logger in loggers if isinstance(loggers, list) else [loggers]:
        if isinstance(logger, Namespace):
            logger.init_args.save_dir = str(run)


def _take(argv: list[str], flag: str, **options: Any) -> tuple[Any, list[str]]:  # noqa: ANN401 - argparse's
    """Return the value of a flag, and the arguments without it."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(flag, dest="value", **options)
    known, others = parser.parse_known_args(argv)
    return known.value, others


def _folder_of(checkpoint: Path) -> Path | None:
    run = Run.of_checkpoint(checkpoint)
    return None if run is None else run.folder


def _csv_logger(folder: Path) -> Namespace:
    path = f"{RunCSVLogger.__module__}.{RunCSVLogger.__name__}"
    settings = {"class_path": path, "init_args.save_dir": str(folder)}
    return Namespace(settings)  # type: ignore[no-untyped-call]
