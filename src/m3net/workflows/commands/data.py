"""`m3net data ...`: work on image files before any training."""

from collections.abc import Sequence

from m3net.workflows.registry import DATA_COMMANDS, find_command, help_lines, run_command

_HELP = f"""usage: m3net data COMMAND ... (m3net data COMMAND --help explains each)

{help_lines(DATA_COMMANDS)}

DATASET is fashionai, darn, deepfashion or catalogue."""


def run(argv: Sequence[str]) -> int:
    """Run one of the commands and return its exit code.

    Raises:
        M3NetError: The user's input cannot be used.
    """
    if argv and argv[0] in ("-h", "--help"):
        print(_HELP)  # noqa: T201 - a command's output
        return 0
    program = "m3net data"
    return run_command(program, find_command(program, DATA_COMMANDS, argv), argv)
