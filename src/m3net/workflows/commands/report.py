"""`m3net report`: one page about a run, and others beside it."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from m3net.errors import ConfigError
from m3net.workflows import cli

ABOUT = """Test a run's best checkpoint as 'm3net test' does, and write RUN/test/report.html: one
file with scores, curves, galleries, attention, confusion and maps, which opens in any browser.

Runs that follow are set beside it, by what their own files say: their numbers must be of the same
data, split and protocol. Flags come last, and are those of 'm3net test'.
docs/report.md describes the page."""


def run(words: Sequence[str]) -> int:
    """Run the command and give its exit code, 0.

    Args:
        words: What stands after `m3net report`.

    Raises:
        M3NetError: Something the user gave cannot be used.
    """
    parser = ArgumentParser(
        prog="m3net report",
        usage="m3net report RUN [OTHER ...] [FLAG ...]",
        description=ABOUT,
        formatter_class=RawDescriptionHelpFormatter,
    )
    if {"-h", "--help"} & {*words}:
        parser.parse_args(["--help"])
    folders = list(takewhile(lambda word: not word.startswith("-"), words))
    if not folders:
        raise ConfigError(
            "'m3net report' needs a run folder, before all flags: m3net report RUN [OTHER ...]."
        )
    first, *others = folders
    places = [Path(folder).resolve() for folder in folders]
    if twice := [
        folder for folder, place in zip(folders, places, strict=True) if places.count(place) > 1
    ]:
        raise ConfigError(f"'m3net report' is given {twice[0]} twice: name each run once.")
    flags = words[len(folders) :]
    given = ["test", *flags, "--ckpt_path", first, "--report=true"]
    cli.run(given, beside=[Path(other) for other in others], typed=["report", *words])
    return 0
