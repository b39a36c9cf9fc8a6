"""A sweep file in the format of Weights & Biases, read for trials on this machine."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, Field, PlainValidator, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from m3net.boundary.plain_values import read_yaml
from m3net.boundary.typed import MismatchError, read_as
from m3net.errors import ConfigError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

METRIC = "val/map_all"
"""The metric that sweeps maximize, by which m3net keeps the best weights of a training."""
Values = dict[str, Any]
"""Values of hyper-parameters by name."""
_FLAGS = "${args}"
_LARGEST = 1e15
_KEYS = {
    "constant": {"value"},
    "categorical": {"values"},
    "int_uniform": {"min", "max"},
    "uniform": {"min", "max"},
    "log_uniform_values": {"min", "max"},
    "q_uniform": {"min", "max", "q"},
    "q_log_uniform_values": {"min", "max", "q"},
}
"""The keys of a parameter by its distribution."""


def _check_number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise PydanticCustomError(
            "number", "it must be a number (1.0e-3, not 1e-3) of at most 1e15"
        )
    return value


_Number = Annotated[float, PlainValidator(_check_number)]


class Parameter(BaseModel):
    """The values that a hyper-parameter can take: a list, or the numbers of a range."""

    distribution: str = Field("", pattern=f"^({'|'.join(_KEYS)})$")
    """A key of the table above; empty for the one that the other keys imply, see `kind`."""
    value: Any = None
    """The only value."""
    values: list[Any] = Field([], min_length=1)
    """All values."""
    min: _Number = 0
    """The smallest number."""
    max: _Number = 0
    """The largest number."""
    q: _Number = 1
    """Numbers are rounded to multiples of it."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Check that the keys are those of the distribution, and that a range is one."""
        kind, low, high, problem = self.kind, self.min, self.max, ""
        if self.model_fields_set - {"distribution"} != _KEYS[kind]:
            problem = f"{kind} takes {' and '.join(sorted(_KEYS[kind]))}, and nothing else"
        elif kind == "int_uniform" and not self._are_integers(low, high):
            problem = "min and max of int_uniform must be integers"
        elif not self.is_list and low >= high:
            problem = f"min {low} must be below max {high}"
        elif self._is_log and low <= 0:
            problem = f"min {low} of {kind} must be positive"
        elif self.q < 1 / _LARGEST:
            problem = "q must be at least 1e-15"
        elif self._is_rounded and any(
            abs(math.remainder(end, self.q)) > 1e-9 * self.q for end in (low, high)
        ):
            problem = f"min {low} and max {high} must be multiples of q, {self.q}"
        if problem:
            raise PydanticCustomError("parameter", problem)
        return self

    @property
    def kind(self) -> str:
        """The distribution, or W&B's default for the other keys."""
        if self.distribution:
            return self.distribution
        for key, kind in (("value", "constant"), ("values", "categorical")):
            if key in self.model_fields_set:
                return kind
        return "int_uniform" if self._are_integers(self.min, self.max) else "uniform"

    @property
    def is_list(self) -> bool:
        """Whether the values are listed, and may be of any type."""
        return self.kind in ("constant", "categorical")

    @property
    def listed(self) -> list[Any]:
        """The listed values, or both ends of the range."""
        if self.is_list:
            return [self.value] if self.kind == "constant" else self.values
        return [self.from_optuna(self.min), self.from_optuna(self.max)]

    @property
    def size(self) -> float:
        """The number of values; infinite for floats that are not rounded."""
        if self.is_list:
            return len(self.listed)
        countable = self._is_rounded or self.kind == "int_uniform"
        return round((self.max - self.min) / self.q) + 1 if countable else math.inf

    def at(self, index: int) -> Any:  # noqa: ANN401 - listed values have any type
        """Return a value by its index from 0; `size` is finite.

        Example:
            >>> stepped = Parameter(distribution="q_uniform", min=0, max=0.3, q=0.1)
            >>> [stepped.at(index) for index in range(4)]
            [0.0, 0.1, 0.2, 0.3]
        """
        return self.listed[index] if self.is_list else self.from_optuna(self.min + index * self.q)

    def optuna(self) -> "BaseDistribution":
        """Return the distribution that Optuna draws from."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.is_list:
            return CategoricalDistribution([json.dumps(value) for value in self.listed])
        if self.kind == "int_uniform":
            return IntDistribution(int(self.min), int(self.max))
        return FloatDistribution(self.min, self.max, log=self._is_log)

    def from_optuna(self, drawn: Any) -> Any:  # noqa: ANN401 - listed values have any type
        """Return the value for what Optuna drew: listed values are JSON, numbers not yet rounded.

        Example:
            >>> size = Parameter(distribution="q_log_uniform_values", min=16, max=64, q=16)
            >>> size.from_optuna(41.3)
            48
        """
        if self.is_list:
            return json.loads(drawn)
        if not self._is_rounded:
            return drawn
        multiple = round(drawn / self.q) * self.q
        # Three times 0.1 is not 0.3.
        return multiple if self._are_integers(self.q) else float(f"{multiple:.12g}")

    def to_optuna(self, value: Any) -> Any:  # noqa: ANN401 - listed values have any type
        """Return what Optuna may have drawn for a value."""
        return json.dumps(value) if self.is_list else min(max(value, self.min), self.max)

    def allows(self, value: object) -> bool:
        """Return whether a value is a listed one, or a number of the range.

        Example:
            >>> half = Parameter(min=0.0, max=1.0)
            >>> half.allows(0.5), half.allows(2), half.allows("0.5")
            (True, False, False)
        """
        if self.is_list:
            return json.dumps(value) in map(json.dumps, self.listed)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        # Rounding to 12 digits may exceed an end.
        spare = 1e-9 * max(abs(self.min), abs(self.max))
        return self.min - spare <= value <= self.max + spare

    @property
    def _is_log(self) -> bool:
        return "log" in self.kind

    @property
    def _is_rounded(self) -> bool:
        return self.kind.startswith("q_")

    @staticmethod
    def _are_integers(*numbers: float) -> bool:
        return all(isinstance(number, int) for number in numbers)


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
    parameters: dict[str, Parameter] = Field(min_length=1)
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
    """Used by W&B only, such as the next two."""
    entity: Any = None
    description: Any = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Check what concerns more than one key."""
        command, problem = self._command, ""
        unknown = [word for word in command if "${" in word and word != _FLAGS]
        endless = [name for name, own in self.parameters.items() if math.isinf(own.size)]
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
            problem = f"parameters.{endless[0]}: a grid needs values, or a range that is rounded"
        if problem:
            raise PydanticCustomError("sweep", problem)
        return self

    def arguments(self, values: Values) -> tuple[str, ...]:
        """Return the arguments after `m3net fit` of a trial, as W&B's agent writes them.

        Args:
            values: Values of the hyper-parameters.
        """
        flags = [f"--{name}={value}" for name, value in values.items()]
        index = self._command.index(_FLAGS)
        return *self._command[2:index], *flags, *self._command[index + 1 :]

    def count(self, limit: int | None) -> int:
        """Return the number of trials.

        Args:
            limit: Largest number; None for as many as the file says.

        Raises:
            ConfigError: Neither the limit nor the file sets a positive number.
        """
        limits = [number for number in (limit, self.run_cap) if number is not None]
        if self.method == "grid":
            limits.append(math.prod(int(own.size) for own in self.parameters.values()))
        if not limits or min(limits) < 1:
            raise ConfigError(
                f"sweep {self.name}: the number of trials is unknown: set --trials to a positive "
                "number, or run_cap in the file."
            )
        return min(limits)

    def edges(self) -> list[Values]:
        """Return a few combinations that cover each listed value and both ends of each range."""
        listed = {name: own.listed for name, own in self.parameters.items()}
        count = max(map(len, listed.values()))
        return [{name: own[i % len(own)] for name, own in listed.items()} for i in range(count)]

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
    def status(self) -> str:
        """The status of a trial that has ended, for the ranking."""
        return f"failed: {self.reason}" if self.reason else "done"


def read_sweep(file: Path) -> Sweep:
    """Read a sweep file.

    Args:
        file: YAML in the format of W&B.

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
        raise ConfigError(f"sweep file {file} cannot be read: {error}. Mend it.") from error
