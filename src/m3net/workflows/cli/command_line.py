"""LightningCLI with links from the data to the model, and a run folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import lightning as L
import yaml
from jsonargparse import Namespace, set_parsing_settings
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from typing_extensions import override

from m3net.base.escaping import printable_lines
from m3net.base.files import replacing
from m3net.base.packaged_configs import expand_config_names
from m3net.base.signals import StopRequest
from m3net.boundary.typed import to_named
from m3net.data.class_counts import ClassCounts
from m3net.data.datamodules import BaseDataModule
from m3net.errors import ConfigError
from m3net.experiments.checkpoints import check_same_classes
from m3net.experiments.run import Run
from m3net.losses import Term
from m3net.models import M3NetConfig, NetworkConfig
from m3net.models.representations import check_ranking
from m3net.models.restoring import counts_of
from m3net.reports.page.page_maker import PageMaker
from m3net.reports.page.run_files import read_tested_run
from m3net.training.callbacks.evaluation_report import EvaluationReport
from m3net.training.callbacks.process_watch import ProcessWatch
from m3net.training.failures import failure, loaders_of
from m3net.training.task import M3NET_LOSS, M3NetTask
from m3net.training.trainer import (
    M3NetTrainer,
    best_precision,
    building,
    check_callbacks,
    check_trainer,
    take_over_checkpoints,
)
from m3net.workflows.cli.common_callbacks import common_callbacks, training_callbacks
from m3net.workflows.cli.flags import add_flags, complete_loggers, keep_whole_numbers
from m3net.workflows.cli.run_folder import EVALUATIONS, RunFolder, write_into

# Otherwise a link would have to set each field of a ClassCounts.
set_parsing_settings(
    subclasses_enabled=[ClassCounts, NetworkConfig, Term],
    docstring_parse_attribute_docstrings=True,
)


class _Parser(LightningArgumentParser):
    @override
    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Escape an error, which may repeat settings of a stranger's run folder."""
        super().error(printable_lines(message), ex)


class _RunConfig(SaveConfigCallback):
    @override
    def save_config(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Write the resolved settings of a training into its run folder."""
        if stage == "fit":
            with replacing(Run(Path(trainer.default_root_dir)).config) as part:
                self.parser.save(self.config, str(part), skip_unset=False, overwrite=True)


class M3NetCLI(LightningCLI):
    """LightningCLI that evaluates from run folders and writes into them.

    Attributes:
        folder: The run folder.
        report: Writes and draws the evaluations; holds their tables.
    """

    def __init__(
        self,
        argv: Sequence[str],
        request: StopRequest,
        beside: Sequence[Path] = (),
        typed: Sequence[str] | None = None,
    ) -> None:
        """Parse and run one command.

        Args:
            argv: The command and its arguments.
            request: Knows whether a signal waits; gets the run folder.
            beside: Folders of runs that the page of a test compares with.
            typed: What the user typed, if it is not `argv`.

        Raises:
            M3NetError: The user's input cannot be used.
            Finished: A training that should resume is finished.
            Stopped: A signal stopped it.
        """
        self._request, self._typed = request, list(argv if typed is None else typed)
        self._beside = [read_tested_run(folder) for folder in beside]
        self.folder = RunFolder(argv)
        super().__init__(
            M3NetTask,
            BaseDataModule,
            trainer_class=M3NetTrainer,
            parser_class=_Parser,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
            save_config_callback=_RunConfig,
            save_config_kwargs={"save_to_log_dir": False},
            seed_everything_default=0,
            parser_kwargs={
                "prog": "m3net",
                "description": "Attribute-specific fashion retrieval: train, test, predict.",
            },
            trainer_defaults={"enable_model_summary": False, "log_every_n_steps": 10},
        )

    @override
    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """Register only the typed subcommand; building each parser takes seconds."""
        commands = LightningCLI.subcommands()
        commands = {"train": commands["fit"]} | commands
        typed = "".join(self.folder.argv[:1])
        return {typed: commands[typed]} if typed in commands else commands

    @override
    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add flags, and the links from the data to the model."""
        add_flags(parser)
        keep_whole_numbers(parser)
        terms = {name: to_named(term) for name, term in M3NET_LOSS.items()}
        parser.set_defaults({"model.network": to_named(M3NetConfig()), "model.loss": terms})
        parser.link_arguments(
            "data", "model.class_counts", compute_fn=self._class_counts, apply_on="instantiate"
        )
        parser.link_arguments(
            "data", "model.protocol", compute_fn=lambda data: data.protocol, apply_on="instantiate"
        )

    def _class_counts(self, data: BaseDataModule) -> ClassCounts:
        """Return the classes that the network was trained with, or else those of the data."""
        counts = data.class_counts()
        checkpoint = self.folder.checkpoint
        if checkpoint is None:
            if counts is None:
                raise ConfigError("images without labels cannot be trained on; see m3net predict.")
            return counts
        trained = counts_of(checkpoint["hyper_parameters"])
        if counts is not None:
            check_same_classes(trained.taxonomy, counts.taxonomy)
        return trained

    @override
    def parse_arguments(self, parser: LightningArgumentParser, args: object) -> None:
        """Parse the arguments, with the checkpoint's settings before them."""
        self.config = parser.parse_args(complete_loggers(expand_config_names(self.folder.argv)))

    @override
    def _parse_ckpt_path(self) -> None:
        """Do nothing: Lightning's settings of a checkpoint would override typed ones."""

    @override
    def before_instantiate_classes(self) -> None:
        """Choose the run folder, and let the command write into it."""
        command, config = str(self.subcommand), self._command_config
        check_trainer(config.trainer, training=command not in EVALUATIONS)
        run = self.folder.choose(command, config)
        if command not in EVALUATIONS:
            self._request.run = run
        write_into(run, command, config)
        if config.trainer.precision is None:
            config.trainer.precision = best_precision()
        if "verbose" in config:
            # `render` prints one table of scores; Lightning would print another.
            config.verbose = False
        if command == "predict":
            # Predictions are written batch by batch; they might not fit into memory.
            config.return_predictions = False
            # There is nothing to log, and W&B would start a run.
            config.trainer.logger = False
        self.folder.resume(command, config, self.settings)

    @property
    def _command_config(self) -> Namespace:
        """The settings of the command."""
        config: Namespace = self.config[self.subcommand]
        return config

    def settings(self) -> dict[str, Any]:
        """Return all settings of the command in the form of config.yaml."""
        text = self._parser(self.subcommand).dump(self._command_config, skip_unset=False)
        settings: dict[str, Any] = yaml.safe_load(text)
        return settings

    @override
    def instantiate_trainer(self, **kwargs: Any) -> L.Trainer:
        """Build the trainer with m3net's callbacks."""
        run, config = self.folder.path, self._command_config
        if run is None:
            raise ConfigError("m3net runs as a command: see m3net --help.")
        page = PageMaker(
            run=run,
            wanted=config.report,
            argv=self._typed,
            data=config.data.as_dict(),
            others=self._beside,
        )
        self.report = EvaluationReport(Run(run), details=config.details, page=page)
        callbacks = self.config_init[self.subcommand].trainer.callbacks or []
        configured = callbacks if isinstance(callbacks, list) else [callbacks]
        check_callbacks(configured)
        watch = ProcessWatch(run)
        callbacks = [*common_callbacks(run, config, self.report, configured), watch]
        if self.subcommand not in EVALUATIONS:
            resumed = self.folder.resumed is not None
            callbacks += training_callbacks(run, config, self._request, resumed)
        self.trainer_defaults["callbacks"] = callbacks
        with building():
            trainer = super().instantiate_trainer(**kwargs)
        take_over_checkpoints(trainer)
        watch.start(trainer)
        return trainer

    @override
    def _run_subcommand(self, subcommand: str) -> None:
        """Run a command, and explain failures of memory and workers by its settings.

        Raises:
            TrainingError: Memory or shared memory is full, or a worker died or hangs.
            Stopped: A worker died when a signal had asked to stop.
        """
        try:
            super()._run_subcommand(subcommand)
        except (RuntimeError, OSError) as error:
            explained = failure(error, self.datamodule.loading, loaders_of(self.trainer))
            if explained is None:
                raise
            # The signal that asks the training to stop may have ended a worker.
            self._request.follow()
            raise explained from error

    def before_train(self) -> None:
        """Refuse a ranking that the network does not have, before it is trained."""
        for ranking in self.config["train"].rankings:
            check_ranking(ranking, self.model.retriever.network.config)

    def after_train(self) -> None:
        """Evaluate the best weights, which the test left in memory, by further rankings."""
        retriever = self.model.retriever
        configured = retriever.ranking
        for ranking in self.config["train"].rankings:
            retriever.ranking = ranking
            self.trainer.validate(self.model, datamodule=self.datamodule, verbose=False)
            if ranking != configured:
                self.trainer.test(self.model, datamodule=self.datamodule, verbose=False)
        retriever.ranking = configured
