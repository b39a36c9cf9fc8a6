"""Entry point of the `m3net` command and of `python -m m3net`."""

import sys
from collections.abc import Sequence

from m3net.environment import check_installation, no_pickles
from m3net.errors import M3NetError


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
    try:
        check_installation()
        with no_pickles():
            return _run(words)
    except M3NetError as error:
        sys.stderr.write(f"m3net: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("\nm3net: stopped\n")
        return 130


def _run(words: list[str]) -> int:
    """Import what the command needs, which takes seconds, and run it."""
    if words[:1] == ["synthesize"]:
        from m3net.commands import synthesize

        return synthesize.run(words[1:])
    if words[:1] == ["data"]:
        from m3net.commands import data

        return data.run(words[1:])
    if words[:1] == ["evaluate"]:
        from m3net.commands import evaluate

        return evaluate.run(words[1:])
    if words[:1] == ["compare"]:
        from m3net.commands import compare

        return compare.run(words[1:])
    if words[:1] == ["sweep"]:
        from m3net.commands import sweep

        return sweep.run(words[1:])
    if words[:1] == ["report"]:
        from m3net.commands import report

        return report.run(words[1:])
    from m3net import cli

    return cli.run(words)


if __name__ == "__main__":
    sys.exit(main())
