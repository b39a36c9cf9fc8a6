"""A sweep file in the format of Weights & Biases, read for trials on this machine."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from m3net.boundary.plain_values import read_yaml
from m3net.boundary.typed import MismatchError, read_as
from m3net.errors import ConfigError
from m3net.workflows.studies.hyper_parameter import HyperParameter

METRIC = "val/map_all"
"""The metric that sweeps maximize, by which m3net keeps the best weights of a training."""
Values = dict[str, Any]
"""Values of hyper-parameters by name."""
_FLAGS = "${args}"


class _Metric(BaseModel):
    name: Literal["val/map_all"]
    goal: Literal["maximize"]


class Sweep(BaseModel):
    """Trials of one command, each with other values of its hyper-parameters."""

    name: str
    """The results are in RUNS/sweep/NAME."""
    method: Literal["grid", "random", "bayes"]
    """How values are chosen."""
    metric: _Metric
    """What the trials maximize."""
    parameters: dict[str, HyperParameter] = Field(min_length=1)
    """Hyper-parameters by flag."""
    command: list[str | int | float]
    """The command of a trial in W&B's form; `${args}` stands for the flags."""
    program: str = ""
    """The value of `${program}` in the command."""
    run_cap: PositiveInt | None = None
    """Largest number of trials."""
    early_terminate: Any = None
    """Ignored here: each trial runs to its end."""
    project: Any = None
    entity: Any = None
    description: Any = None
    """Used by W&B only, with project and entity."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Check what concerns more than one key."""
        command, problem = self._command, ""
        unknown = [word for word in command if "${" in word and word != _FLAGS]
        endless = [name for name, some in self.parameters.items() if math.isinf(some.size)]
        if self.name in ("", "..") or Path(self.name).name != self.name:
            problem = f"name is {self.name!r}: it must be the name of a folder"
        elif unknown:
            problem = f"command has {unknown[0]}, which is not supported"
        elif command[:2] != ["m3net", "fit"] or command.count(_FLAGS) != 1:
            problem = (
                "command must be [${env}, m3net, fit, ..., ${args}]: a sweep evaluates validation "
                "images only, and hyper-parameters are flags"
            )
        elif self.method == "grid" and endless:
            problem = f"parameters.{endless[0]}: a grid needs values, integers or q"
        if problem:
            raise PydanticCustomError("sweep", problem)
        return self

    def arguments(self, values: Values) -> tuple[str, ...]:
        """Return the arguments after `m3net fit` of a trial, as W&B's agent writes them."""
        flags = [f"--{name}={value}" for name, value in values.items()]
        index = self._command.index(_FLAGS)
        return *self._command[2:index], *flags, *self._command[index + 1 :]

    def count(self, limit: int | None) -> int:
        """Return the number of trials, which run_cap, a grid and the limit bound.

        Raises:
            ConfigError: Nothing bounds it, or the limit is not positive.
        """
        limits = [number for number in (limit, self.run_cap) if number is not None]
        if self.method == "grid":
            limits.append(math.prod(int(some.size) for some in self.parameters.values()))
        if not limits or min(limits) < 1:
            raise ConfigError(
                f"sweep {self.name}: the number of trials is unknown: set trials to a positive "
                "number, or run_cap in the file."
            )
        return min(limits)

    def edges(self) -> list[Values]:
        """Return a few combinations that cover each listed value and both ends of each range."""
        listed = {name: parameter.listed for name, parameter in self.parameters.items()}
        count = max(map(len, listed.values()))
        return [{name: some[i % len(some)] for name, some in listed.items()} for i in range(count)]

    @property
    def identity(self) -> dict[str, Any]:
        """The keys that must not change between two commands with the same results."""
        keys = {"method", "metric", "parameters", "command", "program"}
        return self.model_dump(include=keys, exclude_unset=True)

    @property
    def _command(self) -> list[str]:
        """The words of the command, from m3net on."""
        words = [self.program if word == "${program}" else str(word) for word in self.command]
        if words[:1] == ["${env}"]:
            words = words[1:]
        return words[2:] if words[:3] == ["${interpreter}", "-m", "m3net"] else words


@dataclass(frozen=True)
class Trial:
    """A trial of a sweep."""

    number: int
    """From 0."""
    parameters: Values
    """Values of its hyper-parameters."""
    run: Path | None = None
    """Its run folder; None if it failed."""
    score: float | None = None
    """Best validation score, in [0, 1]; None if it failed or has not ended."""
    reason: str = ""
    """Why it failed."""

    @property
    def order(self) -> tuple[bool, float, int]:
        """The key that sorts best trials first, ties by number, and failed ones last.

        Example:
            >>> trials = [Trial(0, {}), Trial(1, {}, score=0.0), Trial(2, {}, score=0.6)]
            >>> [trial.number for trial in sorted(trials, key=lambda trial: trial.order)]
            [2, 1, 0]
        """
        return self.score is None, -(self.score or 0.0), self.number

    @property
    def status(self) -> str:
        """The status of a trial that has ended, for the ranking."""
        return f"failed: {self.reason}" if self.reason else "done"


def read_sweep(file: Path) -> Sweep:
    """Read a sweep file, YAML in the format of W&B.

    Raises:
        ConfigError: The file cannot be read, or local sweeps do not support what it says.
    """
    try:
        plain = read_yaml(file)
        if not isinstance(plain, dict):
            raise TypeError("no mapping")
        return read_as(Sweep, {"name": file.stem} | plain)
    except MismatchError as error:
        raise ConfigError(f"{file}: {error}. docs/sweeps.md lists what a file can say.") from error
    except (OSError, ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(f"sweep file {file} cannot be read: {error}. Correct it.") from error
