"""Two uses of the command line: a command is run, or only its settings are resolved."""

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
from m3net.errors import ConfigError, own_cause
from m3net.experiments.wandb_logger import RunWandbLogger
from m3net.reports.farewell import render_farewell, say_stopped
from m3net.training.resume import SURVIVAL, Finished, finish
from m3net.workflows.cli.command_line import M3NetCLI
from m3net.workflows.cli.run_folder import EVALUATIONS
from m3net.workflows.cli.run_settings import classes_to_trust

_log = logging.getLogger(__name__)


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
        KeyboardInterrupt: The user stopped an evaluation.
    """
    command, request = "".join(words[:1]), StopRequest()
    training = command not in EVALUATIONS
    set_up_logging(training=training)
    try:
        with request.listening() if training else nullcontext():
            cli = M3NetCLI(words, request, beside, typed)
            if is_first_process():
                _end(cli, training)
    except Finished as end:
        _log.info(str(end))
        return 0
    except Stopped as stop:
        # Lightning kills a training whose other processes leave in another way than this.
        return say_stopped(stop, _again(command, request.run)) if is_first_process() else 0
    except SystemExit as stop:
        # By Ctrl-C Lightning ends the program itself, as if a command had failed, and says nothing.
        if isinstance(stop.__context__, KeyboardInterrupt) and is_first_process():
            raise KeyboardInterrupt from stop
        raise
    except UnicodeDecodeError as error:
        raise ConfigError.not_text(error) from error
    except ValueError as error:
        raise (own_cause(error) or error) from None
    if is_first_process():
        _say_farewell(cli)
    return 0


def _again(command: str, run: Path | None) -> list[str]:
    """Return the command that resumes a training; empty if it has no run folder yet."""
    if run is None:
        return []
    trust = [f"--trust={own}" for own in classes_to_trust(run)]
    return ["m3net", command, "--resume", str(run), *trust]


def _end(cli: M3NetCLI, training: bool) -> None:
    """End what a logger would keep open, and note that a training has nothing to go on with."""
    for logger in cli.trainer.loggers:
        if isinstance(logger, RunWandbLogger):
            logger.finish()
    run = cli.folder.path
    if training and run is not None and run.is_dir():
        finish(run, str(cli.subcommand), cli.settings(), cli.trainer.global_step)


def _say_farewell(cli: M3NetCLI) -> None:
    """Print the tables, what was written and what to type next."""
    console = Terminal(soft_wrap=True)
    for table in cli.report.tables:
        console.print(table)
    if cli.folder.path is not None:
        console.print(render_farewell(cli.folder.path, str(cli.subcommand)))


def resolve(words: Sequence[str]) -> dict[str, Any]:
    """Return all settings that the arguments of a training resolve to; nothing is built.

    Args:
        words: What stands after `m3net` on the command line.

    Raises:
        ConfigError: A word is wrong.
    """
    out, err = io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            M3NetCLI([*words, "--print_config"], StopRequest())
    except SystemExit as stop:
        if stop.code:
            problem = err.getvalue().partition("error:")[2] or err.getvalue()
            raise ConfigError(f"'m3net {' '.join(words)}' cannot be run: {problem}") from None
    settings: dict[str, Any] = yaml.safe_load(out.getvalue())
    # How a training survives is no part of what it makes.
    return {name: value for name, value in settings.items() if name not in SURVIVAL}
