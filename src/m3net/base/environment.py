"""The process before a command runs: its installation, imports, standard streams and pickles."""

import gc
import importlib
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from traceback import format_exception
from types import TracebackType
from typing import TextIO

from m3net.base.escaping import printable_lines
from m3net.errors import ConfigError


def check_installation() -> None:
    """Refuse an installation that would fail later with an error that explains nothing.

    Raises:
        ConfigError: torch and torchvision are of different builds.
    """
    import torch

    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError) as error:
        raise ConfigError(
            f"torch {torch.__version__} and the installed torchvision do not fit together "
            f"({error}). Both must come from the same build: run "
            "'pip uninstall --yes torch torchvision', then 'pip install torch torchvision' in one "
            "command from one index."
        ) from error


@contextmanager
def fast_imports() -> Iterator[None]:
    """Keep the garbage collector away from libraries, during their import and ever after.

    Their million objects hold no garbage; scanning them again and again takes a third of the time
    of a short command.
    """
    if "torch" in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def open_missing_streams() -> None:
    """Open the null device as each closed standard stream; some daemons start commands so.

    Otherwise printing would fail, and the next file opened would get the number of the stream, so
    that messages of C libraries would be written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # It takes the lowest free number.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - stays open
            setattr(sys, name, stream)


def escape_warnings_and_tracebacks() -> None:
    """Make warnings and tracebacks printable: they may contain names that strangers chose.

    matplotlib repeats letters that a font lacks, and any error may name a file.
    """

    def write(text: str, stream: TextIO | None = None) -> None:
        with suppress(OSError):  # nobody reads the stream any more
            (stream or sys.stderr).write(printable_lines(text))

    def show_warning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        # Lightning replaces formatwarning when it is imported.
        write(warnings.formatwarning(message, category, filename, lineno, line), file)

    def show_error(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        write("".join(format_exception(kind, error, traceback)))

    warnings.showwarning, sys.excepthook = show_warning, show_error


@contextmanager
def no_pickles() -> Iterator[None]:
    """Let torch refuse files that run code, whichever library loads them.

    Older versions of timm load pickles, and an environment variable lets Lightning do so.
    """
    allow, refuse = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = {name: os.environ.pop(name, None) for name in (allow, refuse)}
    os.environ[refuse] = "1"
    try:
        yield
    finally:
        del os.environ[refuse]
        os.environ.update({name: value for name, value in before.items() if value is not None})
