"""A hyper-parameter of a sweep: the values that it can take, and how Optuna draws them."""

import json
import math
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, Field, PlainValidator, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypeIs

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_KEYS = {
    "constant": {"value"},
    "categorical": {"values"},
    "int_uniform": {"min", "max"},
    "uniform": {"min", "max"},
    "log_uniform_values": {"min", "max"},
    "q_uniform": {"min", "max", "q"},
}
"""The keys of a hyper-parameter by its distribution."""
_LARGEST = 1e15


def _is_number(value: object) -> TypeIs[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_number(value: object) -> int | float:
    if not _is_number(value) or not abs(value) <= _LARGEST:
        problem = "it must be a number (1.0e-3, not 1e-3) of at most 1e15"
        raise PydanticCustomError("number", problem)
    return value


_Number = Annotated[float, PlainValidator(_check_number)]


class HyperParameter(BaseModel):
    """The values that a hyper-parameter can take: a list, or the numbers of a range."""

    distribution: str = Field("", pattern=f"^({'|'.join(_KEYS)})$")
    """How values are drawn; empty for W&B's default, see `kind`."""
    value: Any = None
    """The only value."""
    values: list[Any] = Field([], min_length=1)
    """All values."""
    min: _Number = 0
    """The smallest number."""
    max: _Number = 0
    """The largest number."""
    q: _Number = 1
    """All numbers are multiples of it."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        kind, low, high, problem = self.kind, self.min, self.max, None
        if self.model_fields_set - {"distribution"} != _KEYS[kind]:
            problem = f"{kind} takes {' and '.join(sorted(_KEYS[kind]))}, and nothing else"
        elif kind == "int_uniform" and not self.is_integer:
            problem = "min and max of int_uniform must be integers"
        elif not self.is_list and low >= high:
            problem = f"min {low} must be below max {high}"
        elif kind == "log_uniform_values" and low <= 0:
            problem = f"min {low} must be positive"
        elif self.q < 1 / _LARGEST:
            problem = "q must be at least 1e-15"
        elif kind == "q_uniform" and any(
            abs(math.remainder(end, self.q)) > 1e-9 * self.q for end in (low, high)
        ):
            problem = f"min {low} and max {high} must be multiples of q, {self.q}"
        if problem:
            raise PydanticCustomError("hyper_parameter", problem)
        return self

    @property
    def kind(self) -> str:
        """The distribution, or W&B's default for the other keys."""
        if self.distribution:
            return self.distribution
        for key, kind in (("value", "constant"), ("values", "categorical")):
            if key in self.model_fields_set:
                return kind
        return "int_uniform" if self.is_integer else "uniform"

    @property
    def is_list(self) -> bool:
        """Whether the values are listed, and may be of any type."""
        return self.kind in ("constant", "categorical")

    @property
    def is_integer(self) -> bool:
        """Whether min, max and q are integers."""
        return all(isinstance(number, int) for number in (self.min, self.max, self.q))

    @property
    def listed(self) -> list[Any]:
        """The listed values, or both ends of the range."""
        if self.is_list:
            return [self.value] if self.kind == "constant" else self.values
        return [self.min, self.max]

    @property
    def size(self) -> float:
        """The number of values; infinite for floats without q."""
        if self.is_list:
            return len(self.listed)
        endless = self.kind in ("uniform", "log_uniform_values")
        return math.inf if endless else round((self.max - self.min) / self.q) + 1

    def at(self, index: int) -> Any:  # noqa: ANN401 - listed values have any type
        """Return a value by its index, from 0; `size` must be finite.

        Example:
            >>> stepped = HyperParameter(distribution="q_uniform", min=0.0, max=0.3, q=0.1)
            >>> [stepped.at(index) for index in range(4)]
            [0.0, 0.1, 0.2, 0.3]
        """
        return self.listed[index] if self.is_list else self.rounded(self.min + index * self.q)

    def rounded(self, number: float) -> float:
        """Return a number of the range without the rounding error of its step."""
        if self.kind != "q_uniform" or self.is_integer:
            return number
        # Three times 0.1 is not 0.3.
        return min(max(float(f"{number:.12g}"), self.min), self.max)

    def optuna(self) -> "BaseDistribution":
        """Return Optuna's distribution; listed values are JSON in it, since it knows no lists."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.is_list:
            return CategoricalDistribution([json.dumps(value) for value in self.listed])
        if self.kind in ("int_uniform", "q_uniform") and self.is_integer:
            return IntDistribution(int(self.min), int(self.max), step=int(self.q))
        step = self.q if self.kind == "q_uniform" else None
        log = self.kind == "log_uniform_values"
        return FloatDistribution(self.min, self.max, log=log, step=step)

    def from_optuna(self, drawn: Any) -> Any:  # noqa: ANN401 - listed values have any type
        """Return the value that Optuna drew."""
        return json.loads(drawn) if self.is_list else self.rounded(drawn)

    def to_optuna(self, value: Any) -> Any:  # noqa: ANN401 - listed values have any type
        """Return a value as Optuna draws it."""
        return json.dumps(value) if self.is_list else value

    def allows(self, value: object) -> bool:
        """Return whether a value is a listed one, or a number of the range.

        Example:
            >>> half = HyperParameter(min=0.0, max=1.0)
            >>> half.allows(0.5), half.allows(2), half.allows("0.5")
            (True, False, False)
        """
        if self.is_list:
            return json.dumps(value) in map(json.dumps, self.listed)
        return _is_number(value) and self.min <= value <= self.max
