"""A sweep as W&B's file says it: read for trials on this machine, or refused in words."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from m3net.errors import ConfigError
from m3net.workflows.studies.sweep.parameters import read_parameter
from m3net.workflows.studies.sweep.proposals import Method
from m3net.workflows.studies.sweep.space import Space, Values, grid_size

METRIC = "val/map_all"
"""What is maximised: by it m3net keeps the best weights of a training."""

_LOCAL = ("name", "program", "method", "metric", "parameters", "command", "run_cap")
_FOR_WANDB = ("project", "entity", "description", "early_terminate")
_ARGUMENTS = "${args}"
_SAME = ("method", "metric", "parameters", "command", "program")


@dataclass(frozen=True)
class Sweep:
    """Trials of one command, with values of its hyper-parameters.

    Attributes:
        name: Its results lie in RUNS/sweep/NAME.
        method: How values are chosen.
        space: What they are chosen from, by flag.
        command: Words of the training behind `m3net fit`; `${args}` stands for the flags.
        cap: The most trials; None where the file sets none.
        stops_early: Whether W&B would stop trials.
        given: What of the file makes the trials what they are.
    """

    name: str
    method: Method
    space: Space
    command: tuple[str, ...]
    cap: int | None
    stops_early: bool
    given: dict[str, Any]

    def words(self, values: Values) -> tuple[str, ...]:
        """Return the arguments of `m3net fit` in a trial, as W&B's agent writes them.

        Args:
            values: Of the hyper-parameters.
        """
        flags = [f"--{name}={value}" for name, value in values.items()]
        place = self.command.index(_ARGUMENTS)
        return *self.command[:place], *flags, *self.command[place + 1 :]

    def count(self, asked: int | None) -> int:
        """Return the number of trials.

        Args:
            asked: The most that is wanted; None for as many as the file says.

        Raises:
            ConfigError: Nothing says how many.
        """
        limits = [number for number in (asked, self.cap) if number is not None]
        if self.method == "grid":
            limits.append(grid_size(self.space))
        if not limits or min(limits) < 1:
            raise ConfigError(
                f"sweep {self.name}: a number of trials is needed: give a positive --trials, or "
                "run_cap in the file."
            )
        return min(limits)


def read_sweep(file: Path) -> Sweep:
    """Read a sweep file.

    Args:
        file: YAML in the form of W&B.

    Raises:
        ConfigError: The file cannot be read, or asks for what is only W&B's.
    """
    try:
        given = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"sweep file {file} cannot be read: {error}") from error
    if not isinstance(given, dict):
        raise ConfigError(f"{file}: a sweep file has method, metric, parameters and command.")
    for key in given:
        if key not in (*_LOCAL, *_FOR_WANDB):
            raise ConfigError(f"{file}: {key} is not known to local sweeps. Take it out.")
    method = given.get("method")
    if method not in ("grid", "random", "bayes"):
        raise ConfigError(f"{file}: method is {method!r}: it must be grid, random or bayes.")
    if given.get("metric") != {"name": METRIC, "goal": "maximize"}:
        raise ConfigError(
            f"{file}: metric is {given.get('metric')!r}: local sweeps know {{name: {METRIC}, goal: "
            "maximize} alone, by which m3net keeps the best weights."
        )
    cap = given.get("run_cap")
    if cap is not None and (isinstance(cap, bool) or not isinstance(cap, int) or cap < 1):
        raise ConfigError(f"{file}: run_cap is {cap!r}: it must be a positive number.")
    name = str(given.get("name", file.stem))
    if name in ("", "..") or Path(name).name != name:
        raise ConfigError(f"{file}: name is {name!r}: it must be the name of a folder.")
    return Sweep(
        name=name,
        method=method,
        space=_space(file, given),
        command=_command(file, given),
        cap=cap,
        stops_early="early_terminate" in given,
        given={key: given[key] for key in _SAME if key in given},
    )


def _space(file: Path, given: dict[str, Any]) -> Space:
    parameters = given.get("parameters")
    if not isinstance(parameters, dict) or not parameters:
        raise ConfigError(f"{file}: parameters is missing: name the flags that are tried.")
    space = {}
    for name, own in parameters.items():
        try:
            space[str(name)] = read_parameter(own)
        except ConfigError as error:
            raise ConfigError(f"{file}: parameters.{name}: {error}") from None
        if given["method"] == "grid" and space[str(name)].steps is None:
            raise ConfigError(
                f"{file}: parameters.{name} has no end of values, which a grid needs: give values."
            )
    return space


def _command(file: Path, given: dict[str, Any]) -> tuple[str, ...]:
    """Take the words behind `m3net fit`."""
    command = given.get("command")
    words = [str(word) for word in command] if isinstance(command, list) else []
    words = [str(given.get("program")) if word == "${program}" else word for word in words]
    if words[:1] == ["${env}"]:
        words = words[1:]
    if words[:3] == ["${interpreter}", "-m", "m3net"]:
        words = words[2:]
    if words[:2] != ["m3net", "fit"] or words.count(_ARGUMENTS) != 1:
        raise ConfigError(
            f"{file}: command must be [${{env}}, m3net, fit, ..., ${{args}}]: a sweep looks at "
            "validation images alone, and hyper-parameters are flags."
        )
    for word in words:
        if "${" in word and word != _ARGUMENTS:
            raise ConfigError(f"{file}: command has {word}, which is only W&B's. Take it out.")
    return tuple(words[2:])
