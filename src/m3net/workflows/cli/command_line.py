"""Lightning's command line, with links from the data to the model, and a run folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import yaml
from jsonargparse import Namespace, set_parsing_settings
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from typing_extensions import override

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
from m3net.training.callbacks.run_config import RunConfig
from m3net.training.failures import failure, loaders_of
from m3net.training.task import M3NET_LOSS, M3NetTask
from m3net.training.trainer import M3NetTrainer, best_precision, take_over_checkpoints
from m3net.workflows.cli.common_callbacks import common_callbacks, training_callbacks
from m3net.workflows.cli.flags import add_flags
from m3net.workflows.cli.parser import RunParser
from m3net.workflows.cli.run_folder import EVALUATIONS, RunFolder, write_into

# Else the link that fills it in would have to fill in each of its fields.
set_parsing_settings(
    subclasses_enabled=[ClassCounts, NetworkConfig, Term],
    docstring_parse_attribute_docstrings=True,
)


class M3NetCLI(LightningCLI):
    """LightningCLI that evaluates from run folders and writes into them.

    Attributes:
        folder: The run folder.
        report: Writes and draws the evaluations; holds their tables.
    """

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
        self._request, self._typed = request, list(words if typed is None else typed)
        self._beside = [read_tested_run(folder) for folder in beside]
        self.folder = RunFolder(words)
        super().__init__(
            M3NetTask,
            BaseDataModule,
            trainer_class=M3NetTrainer,
            parser_class=RunParser,
            subclass_mode_data=True,
            auto_configure_optimizers=False,
            save_config_callback=RunConfig,
            save_config_kwargs={"save_to_log_dir": False},
            seed_everything_default=0,
            parser_kwargs={
                "prog": "m3net",
                "description": "Attribute-specific fashion retrieval: train, test, predict.",
            },
            trainer_defaults={"enable_model_summary": False, "log_every_n_steps": 10},
        )

    def subcommands(self) -> dict[str, set[str]]:  # type: ignore[override]
        """Register only the typed subcommand; building each parser takes seconds."""
        commands = LightningCLI.subcommands()
        commands = {"train": commands["fit"]} | commands
        typed = self.folder.words[0] if self.folder.words else ""
        return {typed: commands[typed]} if typed in commands else commands

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add flags, and the links from the data to the model.

        Args:
            parser: Of one command.
        """
        add_flags(parser)
        terms = {name: to_named(term) for name, term in M3NET_LOSS.items()}
        parser.set_defaults({"model.network": to_named(M3NetConfig()), "model.loss": terms})
        parser.link_arguments(
            "data", "model.class_counts", compute_fn=self._class_counts, apply_on="instantiate"
        )
        parser.link_arguments(
            "data", "model.protocol", compute_fn=lambda data: data.protocol, apply_on="instantiate"
        )

    def _class_counts(self, data: BaseDataModule) -> ClassCounts:
        """Return the classes of the network: the data's, or those it was trained with."""
        own = data.class_counts()
        checkpoint = self.folder.checkpoint
        if checkpoint is None:
            if own is None:
                raise ConfigError("images without labels cannot be trained on; see m3net predict.")
            return own
        trained = counts_of(checkpoint["hyper_parameters"])
        if own is not None:
            check_same_classes(trained.taxonomy, own.taxonomy)
        return trained

    @override
    def parse_arguments(self, parser: LightningArgumentParser, args: object) -> None:
        """Parse the arguments, with the checkpoint's settings before them."""
        self.config = parser.parse_args(expand_config_names(self.folder.words))

    def _parse_ckpt_path(self) -> None:
        """Skip a step of Lightning by which a checkpoint's settings beat what was typed."""

    def before_instantiate_classes(self) -> None:
        """Choose the run folder and put everything that is written into it."""
        command, config = str(self.subcommand), self._own_config
        run = self.folder.choose(command, config)
        if command not in EVALUATIONS:
            self._request.run = run
        write_into(run, command, config)
        if config.trainer.precision is None:
            config.trainer.precision = best_precision()
        if "verbose" in config:
            # One table is enough, and Lightning's is not it.
            config.verbose = False
        if command == "predict":
            # Predictions are written batch by batch; kept in memory they might not fit.
            config.return_predictions = False
            # There is nothing to log, and W&B would make a run of it.
            config.trainer.logger = False
        self.folder.take_up(command, config, self.settings)

    @property
    def _own_config(self) -> Namespace:
        """The settings of the command that is run."""
        config: Namespace = self.config[self.subcommand]
        return config

    def settings(self) -> dict[str, Any]:
        """Return all settings of the command as config.yaml holds them."""
        text = self._parser(self.subcommand).dump(self._own_config, skip_unset=False)
        settings: dict[str, Any] = yaml.safe_load(text)
        return settings

    def instantiate_trainer(self, **kwargs: Any) -> L.Trainer:  # noqa: ANN401 - Lightning's own
        """Build the trainer with the callbacks that write reports.

        Args:
            **kwargs: Further trainer arguments.
        """
        run, config = self.folder.path, self._own_config
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
        given = self.config_init[self.subcommand].trainer.callbacks or []
        watch = ProcessWatch(run)
        callbacks = [*common_callbacks(run, config, self.report, given), watch]
        if self.subcommand not in EVALUATIONS:
            resumed = self.folder.resumed is not None
            callbacks += training_callbacks(run, config, self._request, resumed)
        self.trainer_defaults["callbacks"] = callbacks
        trainer = super().instantiate_trainer(**kwargs)
        take_over_checkpoints(trainer)
        watch.start(trainer)
        return trainer

    def _run_subcommand(self, subcommand: str) -> None:
        """Run a command; the one place that knows its sizes and loaders where a library fails.

        Args:
            subcommand: Its name.

        Raises:
            TrainingError: The device has too little memory, workers lack open files or shared
                memory, or one of them died or hangs.
            Stopped: It died when a signal had asked to stop.
        """
        try:
            super()._run_subcommand(subcommand)
        except (RuntimeError, OSError) as error:
            own = failure(error, self.datamodule.loading, loaders_of(self.trainer))
            if own is None:
                raise
            # What was sent to end the training may have ended a loader process.
            self._request.follow()
            raise own from error

    def before_train(self) -> None:
        """Refuse a ranking that the network has not, before it is trained and not after."""
        for ranking in self.config["train"].rankings:
            check_ranking(ranking, self.model.retriever.network.config)

    def after_train(self) -> None:
        """Judge the best weights, which the test has left in memory, by further rankings."""
        retriever = self.model.retriever
        configured = retriever.ranking
        for ranking in self.config["train"].rankings:
            retriever.ranking = ranking
            self.trainer.validate(self.model, datamodule=self.datamodule, verbose=False)
            if ranking != configured:
                self.trainer.test(self.model, datamodule=self.datamodule, verbose=False)
        retriever.ranking = configured
