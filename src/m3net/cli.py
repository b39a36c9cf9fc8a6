"""The command line: LightningCLI with links from the data to the model, and a run folder."""

import argparse
import io
import json
import logging
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Literal

import lightning as L
import yaml
from jsonargparse import Namespace, dict_to_namespace
from jsonargparse.typing import PositiveInt
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint, ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from rich.console import Console

import m3net
from m3net.callbacks.chance import StepSeeds
from m3net.callbacks.evaluation import EvaluationReport
from m3net.callbacks.final_validation import FinalValidation
from m3net.callbacks.finite import FiniteSteps, NonFinite
from m3net.callbacks.last import LastCheckpoint
from m3net.callbacks.page.maker import PageMaker
from m3net.callbacks.page.run_files import read_tested_run
from m3net.callbacks.predictions import PredictionWriter
from m3net.callbacks.progress import RunProgress
from m3net.callbacks.summary import TrainingSummary
from m3net.callbacks.wandb_report import WandbReport
from m3net.callbacks.watch import ProcessWatch
from m3net.checkpoint_io import WholeCheckpointIO
from m3net.checkpoints import (
    check_same_classes,
    evaluation_defaults,
    find_checkpoint,
    load_checkpoint,
    run_of,
)
from m3net.csv_logger import RunCSVLogger
from m3net.data.datamodules import BaseDataModule
from m3net.errors import CheckpointError, ConfigError, own_cause
from m3net.failures import failure, loaders_of
from m3net.files import replacing
from m3net.models.representations import Ranking, check_ranking
from m3net.reports.farewell import render_farewell, say_stopped
from m3net.resume import (
    AUTO,
    SURVIVAL,
    Finished,
    Lock,
    finish,
    latest_run,
    settings_of,
    take_up,
)
from m3net.runs import is_first_process, new_run, share_run
from m3net.speech import set_up_speech
from m3net.stopping import Stopped, StopRequest
from m3net.task import M3NetTask
from m3net.trainer import M3NetTrainer, best_precision
from m3net.wandb_logger import RunWandbLogger
from m3net.wandb_run import keep_run

_EVALUATIONS = ("validate", "test", "predict")

_log = logging.getLogger(__name__)


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
            with replacing(Path(trainer.default_root_dir) / "config.yaml") as part:
                self.parser.save(self.config, str(part), skip_none=False, overwrite=True)


class M3NetCLI(LightningCLI):
    """LightningCLI that evaluates from run folders and writes into them."""

    def __init__(
        self,
        words: Sequence[str],
        request: StopRequest,
        beside: Sequence[Path] = (),
        typed: Sequence[str] | None = None,
    ) -> None:
        """Parse and run one command.

        Args:
            words: What stands after `m3net` on the command line.
            request: Says whether a signal asks to stop; is told the run folder.
            beside: Folders of runs that the page of a test compares with.
            typed: What the user typed, where it is not `words`.

        Raises:
            M3NetError: Something the user gave cannot be used.
            Finished: A training that should go on is finished.
            Stopped: A signal has stopped it.
        """
        self._words, self._request = list(words), request
        self._typed = self._words if typed is None else list(typed)
        self._beside = [read_tested_run(folder) for folder in beside]
        self._checkpoint: dict[str, Any] | None = None
        self._run: Path | None = None
        self._resumed: Path | None = None
        if self._words and not {"-h", "--help"} & {*words}:
            evaluates = self._words[0] in _EVALUATIONS
            (self._evaluate_from if evaluates else self._go_on_from)(self._words[0])
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
                "'m3net compare' trains several systems and writes their table; "
                "'m3net sweep' searches hyper-parameters; "
                "'m3net report RUN [OTHER ...]' writes one page about a run.",
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

    def _go_on_from(self, command: str) -> None:
        """Make the settings of a run the first config of a training that goes on in it."""
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        parser.add_argument("--resume")
        given, others = parser.parse_known_args(self._words[1:])
        if given.resume not in (None, AUTO):
            self._resumed = Path(given.resume)
            settings = json.dumps(settings_of(self._resumed))
            self._words = [command, "--config", settings, *others]

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
        resumed = self._choose_resumed(config)
        if training and config.ckpt_path is not None:
            file = find_checkpoint(Path(config.ckpt_path), ("last", "best"))
            self._checkpoint, config.ckpt_path = load_checkpoint(file), str(file)
            before = run_of(file)
        if self._run is None:
            self._run = (
                new_run(Path(config.runs), config.experiment) if resumed is None else resumed
            )
            if before is not None and is_first_process():
                keep_run(before, self._run)
        if training:
            self._request.run = self._run
            if is_first_process():
                self._lock = Lock(self._run)
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
        if resumed is not None:
            self._take_up(resumed, config)

    def _choose_resumed(self, config: Namespace) -> Path | None:
        """Give the run folder that a training goes on in; None for a new one."""
        asked, config.resume = config.resume, None
        if asked is None and self._resumed is None:
            return None
        if self.subcommand in _EVALUATIONS or config.ckpt_path is not None:
            raise ConfigError("--resume goes on with a training, and without --ckpt_path.")
        if self._resumed is None and asked != AUTO:
            raise ConfigError("a run folder to --resume is typed, and not part of a config file.")
        if self._resumed is None:
            self._resumed = latest_run(Path(config.runs), config.experiment)
        return None if self._resumed is None else share_run(self._resumed)

    def _take_up(self, run: Path, config: Namespace) -> None:
        """Find where the run goes on, and undo what it wrote after that point."""
        start = take_up(run, str(self.subcommand), self.settings())
        self._checkpoint = start.contents
        config.ckpt_path = None if start.file is None else str(start.file)

    def settings(self) -> dict[str, Any]:
        """Give all settings of the command as its config.yaml has them."""
        text = self._parser(self.subcommand).dump(self.config[self.subcommand], skip_none=False)
        settings: dict[str, Any] = yaml.safe_load(text)
        return settings

    def instantiate_trainer(self, **kwargs: Any) -> L.Trainer:  # noqa: ANN401 - Lightning's own
        """Build the trainer with the callbacks that write reports.

        Args:
            **kwargs: Further trainer arguments.
        """
        if self._run is None or self.subcommand is None:
            raise ConfigError("m3net runs as a command: see m3net --help.")
        config = self.config[self.subcommand]
        page = PageMaker(
            run=self._run,
            wanted=config.report,
            words=self._typed,
            data=config.data.as_dict(),
            others=self._beside,
        )
        self._report = EvaluationReport(self._run, details=config.details, page=page)
        finite = FiniteSteps(self._run, config.nonfinite)
        callbacks = [
            finite,
            FinalValidation(),
            TrainingSummary(self._run, count_skipped=lambda: finite.skipped),
            self._report,
            PredictionWriter(self._run),
            WandbReport(self._run),
            ProcessWatch(self._run),
        ]
        settings = self.config_init[self.subcommand].trainer
        given = settings.callbacks or []
        own_bar = any(isinstance(callback, ProgressBar) for callback in given)
        if settings.enable_progress_bar is not False and not own_bar:
            callbacks.append(RunProgress())
        # Lightning's monitor refuses a trainer that logs nowhere.
        if self.subcommand not in _EVALUATIONS and self.config[self.subcommand].trainer.logger:
            callbacks.append(LearningRateMonitor())
        config = self.config[self.subcommand]
        if self.subcommand not in _EVALUATIONS:
            callbacks.append(StepSeeds())
            if config.checkpoint.save_last:
                place = Path(config.checkpoint.dirpath), config.last_every_n_steps
                callbacks.append(LastCheckpoint(*place, self._request, self._resumed is not None))
        self.trainer_defaults["callbacks"] = callbacks
        trainer = super().instantiate_trainer(**kwargs)
        for callback in trainer.checkpoint_callbacks:
            if isinstance(callback, ModelCheckpoint):
                # Lightning would write it only where there are new best weights.
                callback.save_last = False
        if type(trainer.strategy.checkpoint_io) is TorchCheckpointIO:
            trainer.strategy.checkpoint_io = WholeCheckpointIO()
        return trainer

    def _run_subcommand(self, subcommand: str) -> None:
        """Run a command; the one place that knows its sizes and loaders where a library fails.

        Args:
            subcommand: Its name.

        Raises:
            TrainingError: The device has too little memory, or a loader process died or hangs.
            Stopped: It died when a signal had asked to stop.
        """
        try:
            super()._run_subcommand(subcommand)
        except RuntimeError as error:
            own = failure(error, self.datamodule.loading, loaders_of(self.trainer))
            if own is None:
                raise
            # What was sent to end the training may have ended a loader process.
            self._request.follow()
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

    def finish(self) -> None:
        """Note in the run folder that there is nothing to go on with."""
        if self._run is not None and self._run.is_dir():
            finish(self._run, str(self.subcommand), self.settings(), self.trainer.global_step)

    def say_farewell(self) -> None:
        """Print the tables, what was written and what to type next."""
        console = Console(soft_wrap=True)
        for table in self._report.tables:
            console.print(table)
        if self._run is not None and self.subcommand is not None:
            console.print(render_farewell(self._run, self.subcommand))


def run(
    words: Sequence[str], beside: Sequence[Path] = (), typed: Sequence[str] | None = None
) -> int:
    """Run one command.

    Args:
        words: What stands after `m3net` on the command line.
        beside: Folders of runs that the page of a test compares with.
        typed: What the user typed, where it is not `words`.

    Returns:
        The exit code: 0, or that of the signal that stopped a training.

    Raises:
        M3NetError: Something the user gave cannot be used.
    """
    command, request = "".join(words[:1]), StopRequest()
    training = command not in _EVALUATIONS
    set_up_speech(training=training)
    try:
        with request.listening() if training else nullcontext():
            cli = M3NetCLI(words, request, beside, typed)
            if is_first_process():
                cli.end_logs()
                if training:
                    cli.finish()
    except Finished as end:
        _log.info(str(end))
        return 0
    except Stopped as stop:
        # Lightning kills a training whose other processes leave in another way than this.
        return say_stopped(stop, command, request.run) if is_first_process() else 0
    except UnicodeDecodeError as error:
        raise ConfigError.not_text(error) from error
    except ValueError as error:
        raise (own_cause(error) or error) from None
    if is_first_process():
        cli.say_farewell()
    return 0


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
            _TrainingCLI([*words, "--print_config"], StopRequest())
    except SystemExit as stop:
        if stop.code:
            problem = err.getvalue().partition("error:")[2] or err.getvalue()
            raise ConfigError(f"'m3net {' '.join(words)}' cannot be run: {problem}") from None
    settings: dict[str, Any] = yaml.safe_load(out.getvalue())
    # How a training survives is no part of what it makes.
    return {name: value for name, value in settings.items() if name not in SURVIVAL}


def _csv_logger(folder: Path) -> Namespace:
    path = f"{RunCSVLogger.__module__}.{RunCSVLogger.__name__}"
    arguments = {"save_dir": str(folder)}
    logger: Namespace = dict_to_namespace({"class_path": path, "init_args": arguments})
    return logger
