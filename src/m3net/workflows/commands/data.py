"""`m3net data ...`: work on image files before any training."""

from collections.abc import Sequence

from m3net.workflows.registry import (
    DATA_COMMANDS,
    find_command,
    help_lines,
    run_command,
)

_HELP = f"""usage: m3net data COMMAND ... (m3net data COMMAND --help explains each)

{help_lines(DATA_COMMANDS)}

DATASET is fashionai, darn, deepfashion or catalogue."""


def run(words: Sequence[str]) -> int:
    """Run one of the commands and return its exit code.

    Args:
        words: What stands after `m3net data`.

    Raises:
        M3NetError: Something the user gave cannot be used.
    """
    if words and words[0] in ("-h", "--help"):
        print(_HELP)  # noqa: T201 - a command speaks
        return 0
    return run_command(find_command("m3net data", DATA_COMMANDS, words), words)
