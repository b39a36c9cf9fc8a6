"""The one way to parse a command: its function, whose signature and docstring are the help."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from jsonargparse import ArgumentParser, Namespace, set_parsing_settings

from m3net.base.packaged_configs import expand_config_names
from m3net.errors import ConfigError, own_cause

# Help explains the fields of a dataclass by the docstrings under them.
set_parsing_settings(docstring_parse_attribute_docstrings=True)

Function = Callable[..., int | None]
"""Runs a command; returns its exit code, None for 0."""


def run_function(
    function: Function,
    argv: Sequence[str],
    program: str,
    *,
    flat: type | None = None,
    positional: bool = False,
) -> int:
    """Call a function with the arguments that a user typed.

    Args:
        function: Typed; its docstring explains the command and each argument.
        argv: The arguments of the command.
        program: The command with its program, such as "m3net evaluate".
        flat: Class of the function's first parameter, whose own settings become flags.
        positional: Whether parameters without a default are positional.

    Raises:
        M3NetError: An argument cannot be used, or what the function raises.
    """
    parser = build_parser(function, program, flat=flat, positional=positional)
    parser.add_argument("--config", action="config", help="A file with these settings.")
    config = parse(parser, spell_out_switches(function, expand_config_names(argv)))
    config.pop("config", None)
    return call(function, config, flat=flat)


def build_parser(
    function: Function,
    program: str | None = None,
    *,
    flat: type | None = None,
    skip: Sequence[str] = (),
    positional: bool = False,
) -> ArgumentParser:
    """Build the parser of a function's parameters, without those to skip."""
    parser = ArgumentParser(prog=program, description=about(function), allow_abbrev=False)
    omitted: set[str | int] = {*skip}
    if flat is not None:
        parser.add_class_arguments(flat, skip={*skip})
        omitted.add(next(iter(inspect.signature(function).parameters)))
    parser.add_function_arguments(
        function, as_group=False, as_positional=positional, skip=omitted, sub_configs=True
    )
    return parser


def about(function: Function) -> str:
    """Return what a function's docstring says before its arguments, as one paragraph."""
    return " ".join((inspect.getdoc(function) or "").partition("\n\nArgs:")[0].split())


def parse(parser: ArgumentParser, argv: Sequence[str]) -> Namespace:
    """Parse arguments and build the objects that they describe."""
    with m3net_errors():
        config: Namespace = parser.instantiate(parser.parse_args(list(argv)))
    return config


def call(function: Function, config: Namespace, *, flat: type | None = None) -> int:
    """Call a function with parsed arguments."""
    arguments: dict[str, Any] = dict(**config)
    if flat is None:
        return function(**arguments) or 0
    names = arguments.keys() & inspect.signature(flat).parameters.keys()
    settings = {name: arguments.pop(name) for name in names}
    with m3net_errors():
        first = flat(**settings)
    return function(first, **arguments) or 0


def spell_out_switches(function: Function, argv: Sequence[str]) -> list[str]:
    """Return arguments with a bare --local as --local=true, as jsonargparse wants it."""
    parameters = inspect.signature(function).parameters.values()
    switches = {f"--{parameter.name}" for parameter in parameters if parameter.default is False}
    return [
        f"{word}=true" if word in switches and following not in ("true", "false") else word
        for word, following in pairwise([*argv, ""])
    ]


@contextmanager
def m3net_errors() -> Iterator[None]:
    """Raise the M3NetError that a parser wrapped into another error.

    Raises:
        M3NetError: An argument or a config file cannot be used.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise ConfigError.not_text(error) from error
    except ValueError as error:
        raise (own_cause(error) or error) from None
