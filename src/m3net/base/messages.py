"""Filters of logs and warnings: what a user reads of m3net and its libraries."""

import logging
import sys
import warnings
from typing import TextIO

from typing_extensions import override

from m3net.base.process_tree import is_first_process
from m3net.errors import printable


def set_up_logging(training: bool = True) -> None:
    """Log m3net's reports on the first process, and only the warnings of Lightning.

    Args:
        training: Whether the command trains, or only evaluates.
    """
    reports = logging.getLogger("m3net")
    reports.setLevel(logging.INFO if is_first_process() else logging.ERROR)
    if not reports.handlers:
        reports.addHandler(_Handler())
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Lightning still uses what torch has deprecated; users cannot change that.
    warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated")
    # True of every resumed training, and provided for.
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
    warnings.filterwarnings("ignore", message="You're resuming from a checkpoint that ended before")
    if not training:
        # An evaluation needs neither the callbacks of its training nor the old path of its run.
        warnings.filterwarnings("ignore", message=".*callbacks used to create the checkpoint need")
        warnings.filterwarnings("ignore", message="The dirpath has changed from")


class _Handler(logging.StreamHandler[TextIO]):
    @override
    def format(self, record: logging.LogRecord) -> str:
        """Return a report as one printable line."""
        return printable(f"m3net: {super().format(record)}")

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Write a report to the present standard error: an open progress bar replaces it."""
        self.setStream(sys.stderr)
        super().emit(record)
