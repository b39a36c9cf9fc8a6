"""Checks of the installation, made before anything heavy is imported, and how that is."""

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
    """Refuse an installation that would fail later in words nobody understands.

    Raises:
        ConfigError: torch and torchvision were built apart from one another.
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
    """Look for no garbage while libraries are imported, nor ever among what they are made of.

    There is none, and to look at each of their million objects again and again, and once more at
    the end, takes a third of the time of a short command.
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
    """Put the null device where standard streams are closed, as some daemons start commands.

    Else what is said to them ends the command, and the next file that is opened takes the number of
    such a stream: what libraries in C say would be written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # It takes the lowest number that is free.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        if getattr(sys, name) is None:
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - for ever
            setattr(sys, name, stream)


def show_outcries() -> None:
    """Let warnings and tracebacks show names of strangers, and no terminal obey them.

    matplotlib repeats the letters that a font lacks; and any error may name a file.
    """

    def say(text: str, stream: TextIO | None = None) -> None:
        with suppress(OSError):  # its reader is gone
            (stream or sys.stderr).write(printable_lines(text))

    def show_warning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        # Lightning puts a form of its own in place when it is imported.
        say(warnings.formatwarning(message, category, filename, lineno, line), file)

    def show_error(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        say("".join(format_exception(kind, error, traceback)))

    warnings.showwarning, sys.excepthook = show_warning, show_error


@contextmanager
def no_pickles() -> Iterator[None]:
    """Let torch refuse files that would run code, whichever library asks it to load them.

    timm's older versions ask for pickles, and an environment variable lets Lightning do so.
    """
    allow, refuse = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = {name: os.environ.pop(name, None) for name in (allow, refuse)}
    os.environ[refuse] = "1"
    try:
        yield
    finally:
        del os.environ[refuse]
        os.environ.update({name: value for name, value in before.items() if value is not None})
