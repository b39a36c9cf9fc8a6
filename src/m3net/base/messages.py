"""What m3net and its libraries say while they work: reports, but not on every process."""

import logging
import sys
import warnings
from typing import TextIO

from m3net.base.process_tree import is_first_process
from m3net.errors import printable


def set_up_speech(training: bool = True) -> None:
    """Let m3net report on the first process, and Lightning speak only of what went wrong.

    Args:
        training: Whether weights are trained, not only evaluated.
    """
    reports = logging.getLogger("m3net")
    reports.setLevel(logging.INFO if is_first_process() else logging.ERROR)
    if not reports.handlers:
        handler = _PresentStream()
        handler.setFormatter(_OneLine("m3net: %(message)s"))
        reports.addHandler(handler)
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Lightning itself still uses what torch calls outdated; users can do nothing about it.
    warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated")
    # Both are so wherever a training goes on in its folder, and are provided for.
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
    warnings.filterwarnings("ignore", message="You're resuming from a checkpoint that ended before")
    if not training:
        # What averaged or stopped a training, and where its run folder lay before it was moved, is
        # nothing to an evaluation.
        warnings.filterwarnings("ignore", message=".*callbacks used to create the checkpoint need")
        warnings.filterwarnings("ignore", message="The dirpath has changed from")


class _OneLine(logging.Formatter):
    """Gives a report as one line, in which names do nothing to a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a report as one line.

        Args:
            record: What is reported.
        """
        return printable(super().format(record))


class _PresentStream(logging.StreamHandler[TextIO]):
    """Writes to what is standard error now: a bar that is shown puts itself in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one report.

        Args:
            record: What is reported.
        """
        self.setStream(sys.stderr)
        super().emit(record)
