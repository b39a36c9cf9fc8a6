"""The command line: LightningCLI with links from the data to the model, and a run folder."""

import argparse
import io
import json
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import lightning as L
import yaml
from jsonargparse import Namespace, dict_to_namespace
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint, ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from rich.console import Console

import m3net
from m3net.callbacks.evaluation import EvaluationReport
from m3net.callbacks.final_validation import FinalValidation
from m3net.callbacks.finite import FiniteSteps, NonFinite
from m3net.callbacks.predictions import PredictionWriter
from m3net.callbacks.progress import RunProgress
from m3net.callbacks.summary import TrainingSummary
from m3net.callbacks.wandb_report import WandbReport
from m3net.checkpoints import (
    check_same_classes,
    evaluation_defaults,
    find_checkpoint,
    load_checkpoint,
    run_of,
)
from m3net.data.datamodules import BaseDataModule
from m3net.errors import CheckpointError, ConfigError, own_cause
from m3net.failures import failure, loaders_of
from m3net.models.representations import Ranking, check_ranking
from m3net.reports.farewell import render_farewell
from m3net.runs import is_first_process, new_run
from m3net.speech import set_up_speech
from m3net.task import M3NetTask
from m3net.trainer import M3NetTrainer, best_precision
from m3net.wandb_logger import RunWandbLogger
from m3net.wandb_run import keep_run

_EVALUATIONS = ("validate", "test", "predict")


class RunConfig(SaveConfigCallback):
    """Writes the resolved configuration of a training into its run folder."""

    def save_config(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Write config.yaml.

        Args:
            trainer: Its root folder is the run folder.
            pl_module: Not used.
            stage: Only "fit" has something to write.
        """
        del pl_module
        if stage == "fit":
            file = Path(trainer.default_root_dir) / "config.yaml"
            self.parser.save(self.config, str(file), skip_none=False, overwrite=True)


class M3NetCLI(LightningCLI):
    """LightningCLI that evaluates from run folders and writes into them."""

    def __init__(self, words: Sequence[str]) -> None:
        """Parse and run one command.

        Args:
            words: What stands after `m3net` on the command line.

        Raises:
            M3NetError: Something the user gave cannot be used.
        """
        self._words = list(words)
        self._checkpoint: dict[str, Any] | None = None
        self._run: Path | None = None
        if self._words and self._words[0] in _EVALUATIONS and not {"-h", "--help"} & {*words}:
            self._evaluate_from(self._words[0])
        super().__init__(
            M3NetTask,
            BaseDataModule,
            trainer_class=M3NetTrainer,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
            save_config_callback=RunConfig,
            save_config_kwargs={"save_to_log_dir": False},
            seed_everything_default=0,
            parser_kwargs={
                "prog": "m3net",
                "description": "Attribute-specific fashion retrieval: train, test, predict.",
                "version": m3net.__version__,
                "epilog": "'m3net synthesize FOLDER' writes a drawn catalogue to try these on; "
                "'m3net data' checks, counts and prepares data sets; "
                "'m3net evaluate' scores vectors of any model; "
                "'m3net compare' trains several systems and writes their table.",
            },
            trainer_defaults={"enable_model_summary": False, "log_every_n_steps": 10},
        )

    def _evaluate_from(self, command: str) -> None:
        """Make the checkpoint's settings the first config: files and flags come after, and win."""
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        parser.add_argument("--ckpt_path")
        given, others = parser.parse_known_args(self._words[1:])
        if given.ckpt_path is None:
            raise CheckpointError(
                f"'m3net {command}' needs --ckpt_path RUN_FOLDER_OR_FILE: without trained weights "
                "it would evaluate a random network. 'm3net train' trains and then tests."
            )
        file = find_checkpoint(Path(given.ckpt_path))
        self._checkpoint, self._run = load_checkpoint(file), run_of(file)
        defaults = json.dumps(evaluation_defaults(command, self._checkpoint, self._run))
        self._words = [command, "--config", defaults, *others, "--ckpt_path", str(file)]

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Add `train` to Lightning's commands."""
        commands = LightningCLI.subcommands()
        return {"train": commands["fit"]} | commands

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the run folder, the checkpoint rule and the links from the data to the model.

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
            "--rankings",
            type=list[Ranking],
            default=[],
            help="Representations by which m3net train also validates and tests the best weights; "
            "tables of others than model.ranking go to the run's folder rankings/.",
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
        parser.link_arguments(
            "data", "model.labels", compute_fn=self._labels, apply_on="instantiate"
        )
        parser.link_arguments(
            "data", "model.protocol", compute_fn=lambda data: data.protocol, apply_on="instantiate"
        )

    def _labels(self, data: BaseDataModule) -> dict[str, Any]:
        """Give the network its classes: the data's, or those it was trained with."""
        own = data.class_statistics()
        if self._checkpoint is None:
            if own is None:
                raise ConfigError("images without labels cannot be trained on; see m3net predict.")
            return own
        trained: dict[str, Any] = self._checkpoint["hyper_parameters"]["labels"]
        if own is not None:
            check_same_classes(trained["taxonomy"], own["taxonomy"])
        return trained

    def parse_arguments(self, parser: LightningArgumentParser, args: object) -> None:
        """Parse the words, with the checkpoint's settings before them.

        Args:
            parser: Of all commands.
            args: Not used.
        """
        del args
        self.config = parser.parse_args(self._words)

    def _parse_ckpt_path(self) -> None:
        """Leave out Lightning's step, by which a checkpoint's settings beat what was typed."""

    def before_instantiate_classes(self) -> None:
        """Choose the run folder and put everything that is written into it."""
        config: Namespace = self.config[self.subcommand]
        training, before = self.subcommand not in _EVALUATIONS, None
        if training and config.ckpt_path is not None:
            file = find_checkpoint(Path(config.ckpt_path), ("last", "best"))
            self._checkpoint, config.ckpt_path = load_checkpoint(file), str(file)
            before = run_of(file)
        if self._run is None:
            self._run = new_run(Path(config.runs), config.experiment)
            if before is not None and is_first_process():
                keep_run(before, self._run)
        config.trainer.default_root_dir = str(self._run)
        config.checkpoint.dirpath = str(self._run / "checkpoints")
        if config.trainer.precision is None:
            config.trainer.precision = best_precision()
        if config.trainer.logger is None:
            config.trainer.logger = _csv_logger(self._run) if training else False
        given = config.trainer.logger
        for logger in given if isinstance(given, list) else [given]:
            if isinstance(logger, Namespace):
                logger.init_args.save_dir = str(self._run)
        if "verbose" in config:
            # One table is enough, and Lightning's is not it.
            config.verbose = False
        if self.subcommand == "predict":
            # Predictions are written batch by batch; kept in memory they might not fit.
            config.return_predictions = False
            # There is nothing to log, and W&B would make a run of it.
            config.trainer.logger = False

    def instantiate_trainer(self, **kwargs: Any) -> L.Trainer:  # noqa: ANN401 - Lightning's own
        """Build the trainer with the callbacks that write reports.

        Args:
            **kwargs: Further trainer arguments.
        """
        if self._run is None or self.subcommand is None:
            raise ConfigError("m3net runs as a command: see m3net --help.")
        details = self.config[self.subcommand].details
        self._report = EvaluationReport(self._run, details=details)
        finite = FiniteSteps(self._run, self.config[self.subcommand].nonfinite)
        callbacks = [
            finite,
            FinalValidation(),
            TrainingSummary(self._run, count_skipped=lambda: finite.skipped),
            self._report,
            PredictionWriter(self._run),
            WandbReport(self._run),
        ]
        settings = self.config_init[self.subcommand].trainer
        given = settings.callbacks or []
        own_bar = any(isinstance(callback, ProgressBar) for callback in given)
        if settings.enable_progress_bar is not False and not own_bar:
            callbacks.append(RunProgress())
        # Lightning's monitor refuses a trainer that logs nowhere.
        if self.subcommand not in _EVALUATIONS and self.config[self.subcommand].trainer.logger:
            callbacks.append(LearningRateMonitor())
        self.trainer_defaults["callbacks"] = callbacks
        return super().instantiate_trainer(**kwargs)

    def _run_subcommand(self, subcommand: str) -> None:
        """Run a command; the one place that knows its sizes and loaders where a library fails.

        Args:
            subcommand: Its name.

        Raises:
            TrainingError: The device has too little memory, or a loader process died or hangs.
        """
        try:
            super()._run_subcommand(subcommand)
        except RuntimeError as error:
            own = failure(error, self.datamodule.loading, loaders_of(self.trainer))
            if own is None:
                raise
            raise own from error

    def before_train(self) -> None:
        """Refuse a ranking that the network has not, before it is trained and not after."""
        for ranking in self.config["train"].rankings:
            check_ranking(ranking, self.model.network.config)

    def after_train(self) -> None:
        """Judge the best weights, which the test has left in memory, by further rankings."""
        own = self.model.ranking
        for ranking in self.config["train"].rankings:
            self.model.ranking = ranking
            self.trainer.validate(self.model, datamodule=self.datamodule, verbose=False)
            if ranking != own:
                self.trainer.test(self.model, datamodule=self.datamodule, verbose=False)
        self.model.ranking = own

    def end_logs(self) -> None:
        """End what a logger would keep open."""
        for logger in self.trainer.loggers:
            if isinstance(logger, RunWandbLogger):
                logger.finish()

    def say_farewell(self) -> None:
        """Print the tables, what was written and what to type next."""
        console = Console(soft_wrap=True)
        for table in self._report.tables:
            console.print(table)
        if self._run is not None and self.subcommand is not None:
            console.print(render_farewell(self._run, self.subcommand))


def run(words: Sequence[str]) -> None:
    """Run one command.

    Args:
        words: What stands after `m3net` on the command line.

    Raises:
        M3NetError: Something the user gave cannot be used.
    """
    set_up_speech(training="".join(words[:1]) not in _EVALUATIONS)
    try:
        cli = M3NetCLI(words)
    except UnicodeDecodeError as error:
        raise ConfigError.not_text(error) from error
    except ValueError as error:
        raise (own_cause(error) or error) from None
    if is_first_process():
        cli.end_logs()
        cli.say_farewell()


class _TrainingCLI(M3NetCLI):
    """Knows trainings only: to prepare each command takes as long as to read all settings."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Leave out the evaluations."""
        commands = M3NetCLI.subcommands()
        return {name: commands[name] for name in ("train", "fit")}


def resolve(words: Sequence[str]) -> dict[str, Any]:
    """Give all settings that the words of a training amount to; nothing is built or read.

    Args:
        words: What stands after `m3net` on the command line.

    Raises:
        ConfigError: A word is wrong.
    """
    out, err = io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            _TrainingCLI([*words, "--print_config"])
    except SystemExit as stop:
        if stop.code:
            problem = err.getvalue().partition("error:")[2] or err.getvalue()
            raise ConfigError(f"'m3net {' '.join(words)}' cannot be run: {problem}") from None
    settings: dict[str, Any] = yaml.safe_load(out.getvalue())
    return settings


def _csv_logger(folder: Path) -> Namespace:
    arguments = {"save_dir": str(folder), "name": "", "version": ""}
    path = "lightning.pytorch.loggers.CSVLogger"
    logger: Namespace = dict_to_namespace({"class_path": path, "init_args": arguments})
    return logger
