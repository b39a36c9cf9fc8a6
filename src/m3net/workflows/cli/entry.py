"""Two uses of the command line: run a command, or only resolve its settings."""

import io
import logging
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import yaml

from m3net.base.messages import set_up_logging
from m3net.base.process_tree import is_first_process
from m3net.base.signals import Stopped, StopRequest
from m3net.base.terminal import Terminal
from m3net.errors import ConfigError
from m3net.experiments.wandb_logger import RunWandbLogger
from m3net.reports.farewell import render_farewell, say_stopped
from m3net.training.failures import lightning_errors
from m3net.training.resume import SURVIVAL, Finished, finish
from m3net.workflows.arguments import m3net_errors
from m3net.workflows.cli.command_line import M3NetCLI
from m3net.workflows.cli.run_folder import EVALUATIONS
from m3net.workflows.cli.run_settings import classes_to_trust

_log = logging.getLogger(__name__)


def run(
    argv: Sequence[str], beside: Sequence[Path] = (), typed: Sequence[str] | None = None
) -> int:
    """Run one command.

    Args:
        argv: The command and its arguments.
        beside: Folders of runs that the page of a test compares with.
        typed: What the user typed, if it is not `argv`.

    Returns:
        The exit code: 0, or that of the signal that stopped a training.

    Raises:
        M3NetError: The user's input cannot be used.
        KeyboardInterrupt: The user stopped an evaluation.
    """
    command, request = "".join(argv[:1]), StopRequest()
    training = command not in EVALUATIONS
    set_up_logging(training=training)
    try:
        with m3net_errors(), lightning_errors(), request.listening() if training else nullcontext():
            cli = M3NetCLI(argv, request, beside, typed)
            if is_first_process():
                _end(cli, training)
    except Finished as end:
        _log.info(str(end))
        return 0
    except Stopped as stop:
        # If a child process ends with another code, Lightning kills the training.
        return say_stopped(stop, _again(command, request.run)) if is_first_process() else 0
    except SystemExit as stop:
        # After Ctrl-C, Lightning ends the program itself as if it had failed, without a message.
        if isinstance(stop.__context__, KeyboardInterrupt) and is_first_process():
            raise KeyboardInterrupt from stop
        raise
    if is_first_process():
        _print_end(cli)
    return 0


def _again(command: str, run: Path | None) -> list[str]:
    """Return the command that resumes a training; empty if it has no run folder yet."""
    if run is None:
        return []
    trust = [f"--trust={path}" for path in classes_to_trust(run)]
    return ["m3net", command, "--resume", str(run), *trust]


def _end(cli: M3NetCLI, training: bool) -> None:
    """Close the W&B run, and note that nothing is left to resume."""
    for logger in cli.trainer.loggers:
        if isinstance(logger, RunWandbLogger):
            logger.finish()
    run = cli.folder.path
    if training and run is not None and run.is_dir():
        finish(run, str(cli.subcommand), cli.settings(), cli.trainer.global_step)


def _print_end(cli: M3NetCLI) -> None:
    """Print the tables, the files written and what to type next."""
    console = Terminal(soft_wrap=True)
    for table in cli.report.tables:
        console.print(table)
    if cli.folder.path is not None:
        console.print(render_farewell(cli.folder.path, str(cli.subcommand)))


def resolve(argv: Sequence[str]) -> dict[str, Any]:
    """Return all settings that the arguments of a training resolve to; nothing is built.

    Args:
        argv: The command and its arguments.

    Raises:
        ConfigError: An argument is wrong.
    """
    out, err = io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            M3NetCLI([*argv, "--print_config"], StopRequest())
    except SystemExit as stop:
        if stop.code:
            problem = err.getvalue().partition("error:")[2] or err.getvalue()
            raise ConfigError(f"'m3net {' '.join(argv)}' cannot be run: {problem}") from None
    settings: dict[str, Any] = yaml.safe_load(out.getvalue())
    return {name: value for name, value in settings.items() if name not in SURVIVAL}
