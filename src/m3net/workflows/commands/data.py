"""`m3net data ...`: work on image files before any training."""

import importlib
from collections.abc import Sequence

from m3net.base.environment import check_installation, fast_imports
from m3net.errors import ConfigError

_HELP = """usage: m3net data COMMAND ... (m3net data COMMAND --help explains each)

  verify DATASET          check annotation files, published counts and every image
  stats DATASET           count classes, images and labels; chance and the best possible
  prepare SOURCE TARGET   make small copies of all images below a folder

DATASET is fashionai, darn, deepfashion or catalogue."""


def run(words: Sequence[str]) -> int:
    """Run one of the commands and give its exit code.

    Args:
        words: What stands after `m3net data`.

    Raises:
        M3NetError: Something the user gave cannot be used.
    """
    command = words[0] if words else ""
    if command in ("-h", "--help"):
        print(_HELP)  # noqa: T201 - a command speaks
        return 0
    if command not in ("verify", "stats", "prepare"):
        problem = f"knows no command {command!r}" if words else "needs a command"
        known = "there are verify, stats and prepare; see m3net data --help"
        raise ConfigError(f"m3net data {problem}: {known}.")
    with fast_imports():
        if command != "prepare":
            # It reads and writes images alone; the others know data sets as trainings do.
            check_installation()
        module = importlib.import_module(f"m3net.workflows.commands.{command}")
    code: int = module.run(words[1:])
    return code
