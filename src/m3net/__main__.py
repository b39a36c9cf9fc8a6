"""Entry point of the `m3net` command and of `python -m m3net`."""

import importlib
import sys
from collections.abc import Sequence

import m3net
from m3net.base.environment import (
    check_installation,
    fast_imports,
    no_pickles,
    open_missing_streams,
    show_outcries,
)
from m3net.base.process_tree import ending_with_starter
from m3net.errors import ConfigError, M3NetError

_HELP = """usage: m3net COMMAND ... (m3net COMMAND --help explains each)

Attribute-specific fashion retrieval: train, test, predict.

  train                   train, then test the best checkpoint
  fit                     train
  validate, test          evaluate a run folder or a checkpoint: --ckpt_path
  predict                 write vectors and class probabilities of photos without labels
  evaluate                score vectors of any model by the same protocol
  compare                 train and test several systems with several seeds, write their table
  sweep FILE              search hyper-parameters, here or by Weights & Biases
  report RUN [OTHER ...]  write one page about a run, set others beside it
  synthesize FOLDER       write a drawn catalogue to try these on
  data                    check, count and prepare data sets

options:
  -h, --help              show this and exit
  --version               show the version and exit"""
_TRAINER = ("train", "fit", "validate", "test", "predict")
_LIGHT = ("synthesize", "data")
_OTHERS = ("evaluate", "compare", "sweep", "report")
"""Modules of `workflows.commands`; the light ones check the installation where they need it."""


def main(args: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        args: Words after `m3net`; by default those of the command line.

    Returns:
        0, or 2 after an error that the user can mend, which is printed, or 130 where the user
        stopped it, or 75 where a signal stopped a training that can go on; a command may give
        another number to say that it was not able to do all.
    """
    words = list(sys.argv[1:] if args is None else args)
    open_missing_streams()
    show_outcries()
    try:
        with no_pickles(), ending_with_starter():
            return _run(words)
    except M3NetError as error:
        sys.stderr.write(f"m3net: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\nm3net: stopped\n")
        return 130


def _run(words: list[str]) -> int:
    """Import what the command needs, which takes seconds where that is torch, and run it."""
    command = words[0] if words else ""
    if command in ("-h", "--help", "--version"):
        print(f"m3net {m3net.__version__}" if command == "--version" else _HELP)  # noqa: T201 - a command speaks
        return 0
    known = (*_TRAINER, *_OTHERS, *_LIGHT)
    # Lightning takes flags before the command, too.
    if command not in known and not command.startswith("-"):
        problem = f"m3net knows no command {command!r}" if words else "m3net needs a command"
        raise ConfigError(f"{problem}: there are {', '.join(known)}; see m3net --help.")
    own = command in (*_OTHERS, *_LIGHT)
    with fast_imports():
        if command not in _LIGHT:
            check_installation()
        module = importlib.import_module(
            f"m3net.workflows.commands.{command}" if own else "m3net.workflows.cli"
        )
    code: int = module.run(words[1:] if own else words)
    return code


if __name__ == "__main__":
    sys.exit(main())
