"""`m3net report`: one page about a run, and others beside it."""

from collections import Counter
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from m3net.errors import ConfigError
from m3net.workflows import cli

_HELP = """usage: m3net report RUN [OTHER ...] [FLAG ...]

Test a run's best checkpoint as 'm3net test' does, and write RUN/test/report.html: one
file with scores, curves, galleries, attention, confusion and maps, which opens in any browser.

Other runs are set beside it, from the files that they wrote: their scores must be of the same
data, split and protocol. Flags come last, and are those of 'm3net test'.
docs/report.md describes the page."""


def run(argv: Sequence[str]) -> int:
    """Run the command and return its exit code, 0.

    Raises:
        M3NetError: The user's input cannot be used.
    """
    if {"-h", "--help"} & {*argv}:
        print(_HELP)  # noqa: T201 - a command's output
        return 0
    folders = list(takewhile(lambda word: not word.startswith("-"), argv))
    if not folders:
        raise ConfigError(
            "'m3net report' needs a run folder, before all flags: m3net report RUN [OTHER ...]."
        )
    counts = Counter(Path(folder).resolve() for folder in folders)
    if twice := [folder for folder in folders if counts[Path(folder).resolve()] > 1]:
        raise ConfigError(f"'m3net report' got {twice[0]} twice: name each run once.")
    first, *others = folders
    flags = argv[len(folders) :]
    test = ["test", *flags, "--ckpt_path", first, "--report=true"]
    cli.run(test, beside=[Path(other) for other in others], typed=["report", *argv])
    return 0
