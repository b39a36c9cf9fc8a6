"""Entry point of the `m3net` command and of `python -m m3net`."""

import signal
import sys
from collections.abc import Sequence

import m3net
from m3net.base.environment import (
    escape_warnings_and_tracebacks,
    no_pickles,
    open_missing_streams,
)
from m3net.base.process_tree import ending_with_starter
from m3net.base.signals import Stopped
from m3net.errors import M3NetError
from m3net.workflows.registry import COMMANDS, find_command, help_lines, run_command

_HELP = f"""usage: m3net COMMAND ... (m3net COMMAND --help explains each)

Attribute-specific fashion retrieval: train, test, predict.

{help_lines(COMMANDS)}

options:
  -h, --help              show this and exit
  --version               show the version and exit"""


def main(args: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        args: Arguments after `m3net`; by default those of the process.

    Returns:
        0; 2 after an error that the user can mend, which is printed; 128 + N after signal N; 75
        after a signal that stopped a training that can be resumed; other numbers say that a command
        did only a part of its work.
    """
    argv = list(sys.argv[1:] if args is None else args)
    open_missing_streams()
    escape_warnings_and_tracebacks()
    try:
        with no_pickles(), ending_with_starter():
            return _run(argv)
    except M3NetError as error:
        sys.stderr.write(f"m3net: {error}\n")
        return 2
    except KeyboardInterrupt:
        return _stopped(signal.SIGINT)
    except Stopped as stop:
        return _stopped(stop.signum)


def _stopped(signum: int) -> int:
    """Say that a signal has stopped the command; return the exit code that shells give for it."""
    sys.stderr.write("\nm3net: stopped\n")
    return 128 + signum


def _run(argv: list[str]) -> int:
    first = argv[0] if argv else ""
    if first in ("-h", "--help", "--version"):
        print(f"m3net {m3net.__version__}" if first == "--version" else _HELP)  # noqa: T201 - a command's output
        return 0
    # Lightning also takes flags before the command.
    lightning = first.startswith("-")
    command = COMMANDS["train"] if lightning else find_command("m3net", COMMANDS, argv)
    return run_command("m3net", command, argv)


if __name__ == "__main__":
    sys.exit(main())
