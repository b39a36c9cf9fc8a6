"""Where a command starts and where it writes: trained weights, a run to go on in, or a new run."""

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
from m3net.experiments.wandb_run import keep_run
from m3net.models.restoring import load_checkpoint
from m3net.training.resume import AUTO, latest_run, take_up
from m3net.workflows.cli.run_settings import evaluation_defaults, resumable_settings

EVALUATIONS = ("validate", "test", "predict")


class RunFolder:
    """The run folder of a command, chosen by its words and then by its settings.

    Attributes:
        words: What stands after `m3net`; settings of the run that it starts from are put before
            all others, so that files and flags win.
        path: The folder; None until it is chosen.
        checkpoint: Contents of the checkpoint that it starts from; None where weights are random.
        resumed: The folder of the training that goes on; None for a new one.
    """

    def __init__(self, words: Sequence[str]) -> None:
        """Read where an evaluation finds its weights, or a training its settings.

        Args:
            words: What stands after `m3net` on the command line.

        Raises:
            CheckpointError: There is no such checkpoint or run.
        """
        self.words = list(words)
        self.path: Path | None = None
        self.checkpoint: dict[str, Any] | None = None
        self.resumed: Path | None = None
        if self.words and not {"-h", "--help"} & {*words}:
            command, *flags = self.words
            parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
            parser.add_argument("--trust", action="append", default=[])
            given, others = parser.parse_known_args(flags)
            start = self._evaluate_from if command in EVALUATIONS else self._go_on_from
            start(command, others, given.trust)

    def choose(self, command: str, config: Namespace) -> Path:
        """Choose the folder, and the checkpoint of a training that goes on from another.

        Args:
            command: Its name.
            config: Its settings; the checkpoint is written into them.

        Returns:
            The folder, which this process has for itself where it trains.

        Raises:
            M3NetError: The command cannot start or write there.
        """
        self._choose_resumed(command, config)
        training, before = command not in EVALUATIONS, None
        if training and config.ckpt_path is not None:
            file = find_checkpoint(Path(config.ckpt_path), ("last", "best"))
            self.checkpoint, config.ckpt_path = load_checkpoint(file), str(file)
            before = _folder_of(file)
        known = self.path or self.resumed
        if known is not None:
            check_run_folder(known)
        if self.path is None:
            self.path = self.resumed or Run.create(Path(config.runs), config.experiment).folder
            if before is not None and is_first_process():
                keep_run(before, self.path)
        if training and is_first_process():
            self._lock = Lock(Run(self.path).lock)
        return self.path

    def take_up(
        self, command: str, config: Namespace, settings: Callable[[], dict[str, Any]]
    ) -> None:
        """Find where a training goes on, and undo what it wrote after that point.

        Args:
            command: Its name.
            config: Its settings; the checkpoint is written into them.
            settings: Gives them as its config.yaml has them.

        Raises:
            Finished: It has nothing left to do.
            M3NetError: It cannot go on, or not with these settings.
        """
        if self.resumed is not None:
            start = take_up(self.resumed, command, settings())
            self.checkpoint = start.contents
            config.ckpt_path = None if start.file is None else str(start.file)

    def _evaluate_from(self, command: str, flags: list[str], trusted: list[str]) -> None:
        """Make the checkpoint's settings the first config."""
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        parser.add_argument("--ckpt_path")
        given, others = parser.parse_known_args(flags)
        if given.ckpt_path is None:
            raise CheckpointError(
                f"'m3net {command}' needs --ckpt_path RUN_FOLDER_OR_FILE: without trained weights "
                "it would evaluate a random network. 'm3net train' trains and then tests."
            )
        file = find_checkpoint(Path(given.ckpt_path))
        self.checkpoint, self.path = load_checkpoint(file, trusted), _folder_of(file)
        defaults = json.dumps(
            evaluation_defaults(command, self.checkpoint, self.path, trusted, str(file))
        )
        self.words = [command, "--config", defaults, *others, "--ckpt_path", str(file)]

    def _go_on_from(self, command: str, flags: list[str], trusted: list[str]) -> None:
        """Make the settings of a run the first config of a training that goes on in it."""
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        parser.add_argument("--resume")
        given, others = parser.parse_known_args(flags)
        self.words = [command, *flags]
        if given.resume not in (None, AUTO):
            self.resumed = Path(given.resume)
            settings = json.dumps(resumable_settings(self.resumed, trusted))
            self.words = [command, "--config", settings, *others]

    def _choose_resumed(self, command: str, config: Namespace) -> None:
        """Find the training to go on with, which all processes of this one take."""
        if config.trust:
            raise ConfigError("a class to --trust is typed, and not part of a config file.")
        asked, config.resume = config.resume, None
        if asked is None and self.resumed is None:
            return
        if command in EVALUATIONS or config.ckpt_path is not None:
            raise ConfigError("--resume goes on with a training, and without --ckpt_path.")
        if self.resumed is None and asked != AUTO:
            raise ConfigError("a run folder to --resume is typed, and not part of a config file.")
        if self.resumed is None:
            self.resumed = latest_run(Path(config.runs), config.experiment)
        if self.resumed is not None:
            self.resumed = Run(self.resumed).share().folder


def _folder_of(checkpoint: Path) -> Path | None:
    run = Run.of_checkpoint(checkpoint)
    return None if run is None else run.folder


def write_into(run: Path, command: str, config: Namespace) -> None:
    """Let all that a command writes go into its run folder.

    Args:
        run: The folder.
        command: Its name.
        config: Its settings, which are changed.
    """
    config.trainer.default_root_dir = str(run)
    config.checkpoint.dirpath = str(Run(run).checkpoints)
    if config.trainer.logger is None:
        config.trainer.logger = False if command in EVALUATIONS else _csv_logger(run)
    given = config.trainer.logger
    for logger in given if isinstance(given, list) else [given]:
        if isinstance(logger, Namespace):
            logger.init_args.save_dir = str(run)


def _csv_logger(folder: Path) -> Namespace:
    path = f"{RunCSVLogger.__module__}.{RunCSVLogger.__name__}"
    settings = {"class_path": path, "init_args.save_dir": str(folder)}
    return Namespace(settings)  # type: ignore[no-untyped-call]
