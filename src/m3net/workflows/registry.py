"""All commands: help, dispatch and errors are made from the tables here."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from m3net.base.environment import check_installation, fast_imports
from m3net.errors import ConfigError


@dataclass(frozen=True)
class Command:
    """One command and the module that runs it."""

    module: str
    """Below `m3net.workflows`."""
    sentence: str
    """What it does, in the imperative."""
    arguments: str = ""
    """Its positional arguments."""
    function: str = "run"
    """A typed function of the module, from which the arguments are parsed; or "run", which parses
    them itself. Either returns the exit code."""
    light: bool = False
    """Whether it needs no torch, or checks the installation itself."""
    keeps_name: bool = False
    """Whether `run` takes the command's name, too."""


_CLI = partial(Command, "cli", keeps_name=True)
_TEST = "evaluate a run folder or a checkpoint: --ckpt_path"
COMMANDS = {
    "train": _CLI("train, then test the best checkpoint"),
    "fit": _CLI("train"),
    "validate": _CLI(_TEST),
    "test": _CLI(_TEST),
    "predict": _CLI("write vectors and class probabilities of photos without labels"),
    "evaluate": Command(
        "commands.evaluate",
        "score vectors of any other model by the same protocol",
        function="evaluate",
    ),
    "compare": Command(
        "commands.compare",
        "train and test several systems with several seeds, and write their table",
    ),
    "sweep": Command(
        "commands.sweep",
        "search hyper-parameters, here or by Weights & Biases",
        "FILE",
        function="sweep",
    ),
    "report": Command(
        "commands.report",
        "write one page about a run, and set others beside it",
        "RUN [OTHER ...]",
    ),
    "synthesize": Command(
        "commands.synthesize",
        "write a drawn catalogue to try these on",
        "FOLDER",
        function="synthesize",
        light=True,
    ),
    "configs": Command(
        "commands.configs",
        "list, show or copy the config files of m3net",
        light=True,
    ),
    "data": Command("commands.data", "check, count and prepare data sets", light=True),
}
DATA_COMMANDS = {
    "verify": Command(
        "commands.verify",
        "check annotation files, published counts and every image of a data set",
        "DATASET",
    ),
    "stats": Command(
        "commands.stats",
        "count classes, images and labels; chance and the best possible scores",
        "DATASET",
    ),
    # It only reads and writes images; the others read data sets as trainings do.
    "prepare": Command(
        "commands.prepare",
        "make small copies of large photos, once",
        "SOURCE TARGET",
        function="prepare",
        light=True,
    ),
}


def help_lines(commands: Mapping[str, Command]) -> str:
    """Return one line for each command; those of one sentence share theirs."""
    names: dict[str, list[str]] = {}
    for name, command in commands.items():
        names.setdefault(command.sentence, []).append(f"{name} {command.arguments}".rstrip())
    width = max(len(", ".join(group)) for group in names.values())
    lines = [f"  {', '.join(group):{width}}  {what}" for what, group in names.items()]
    return "\n".join(lines)


def find_command(program: str, commands: Mapping[str, Command], argv: Sequence[str]) -> Command:
    """Return the command that the arguments of a program start with.

    Raises:
        ConfigError: They start with no command.
    """
    if argv and argv[0] in commands:
        return commands[argv[0]]
    problem = f"{program} knows no command {argv[0]!r}" if argv else f"{program} needs a command"
    raise ConfigError(f"{problem}: there are {', '.join(commands)}; see {program} --help.")


def run_command(program: str, command: Command, argv: Sequence[str]) -> int:
    """Import a command, which takes seconds if it needs torch, and return its exit code.

    Args:
        program: The command that has this one in its table, such as "m3net data".
        command: One of the table.
        argv: Its name and arguments.

    Raises:
        M3NetError: The user's input cannot be used.
    """
    with fast_imports():
        if not command.light:
            check_installation()
        module = importlib.import_module(f"m3net.workflows.{command.module}")
    function = getattr(module, command.function)
    if command.function == "run":
        code: int = function(argv if command.keeps_name else argv[1:])
        return code
    # After fast_imports, since it imports jsonargparse.
    from m3net.workflows.arguments import run_function

    positional = bool(command.arguments)
    return run_function(function, argv[1:], f"{program} {argv[0]}", positional=positional)
