"""What a hyper-parameter of a sweep may be: one of several values, or a number of a range."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Values = dict[str, Any]
"""The value of each hyper-parameter by its name."""


@dataclass(frozen=True)
class Choice:
    """One of several values, which may be anything that YAML can say.

    Attributes:
        values: In their order.
    """

    values: tuple[Any, ...]

    @property
    def steps(self) -> tuple[Any, ...]:
        """All values."""
        return self.values

    def value(self, drawn: Any) -> Any:  # noqa: ANN401 - optuna's
        """Return the value that was drawn."""
        return self.values[drawn]

    def drawn(self, value: Any) -> Any:  # noqa: ANN401 - anything of YAML
        """Return what optuna draws for a value."""
        return self.values.index(value)

    def allows(self, value: object) -> bool:
        """Say whether a value is one of these."""
        return value in self.values


@dataclass(frozen=True)
class Range:
    """A number between two others, both included.

    Attributes:
        low: The least.
        high: The greatest; differs from the least.
        log: Whether its logarithm is drawn evenly, instead of itself.
        step: What it is rounded to a multiple of, as both ends are; None where it is not.
        whole: Whether it is an integer.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    whole: bool = False

    @property
    def steps(self) -> tuple[float, ...] | None:
        """All values in their order; None where there is no end of them.

        Example:
            >>> Range(0, 0.3, step=0.1).steps
            (0.0, 0.1, 0.2, 0.3)
        """
        step = 1 if self.whole and self.step is None else self.step
        if step is None:
            return None
        first, last = round(self.low / step), round(self.high / step)
        return tuple(self._multiple(place, step) for place in range(first, last + 1))

    def value(self, drawn: float) -> float:
        """Return the value for a number that was drawn.

        Example:
            >>> Range(16, 64, step=16, whole=True).value(41.3)
            48
        """
        if self.step is None:
            return drawn
        return self._multiple(round(drawn / self.step), self.step)

    def drawn(self, value: float) -> float:
        """Return what optuna may have drawn for a value."""
        return min(max(value, self.low), self.high)

    def allows(self, value: object) -> bool:
        """Say whether a value is a number of the range, but for what rounding adds.

        Example:
            >>> Range(0, 1).allows(0.5), Range(0, 1).allows(2), Range(0, 1).allows("0.5")
            (True, False, False)
        """
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        spare = 1e-9 * max(abs(self.low), abs(self.high))
        return self.low - spare <= value <= self.high + spare

    def _multiple(self, place: int, step: float) -> float:
        # Three times 0.1 is not 0.3.
        return int(place * step) if self.whole else float(f"{place * step:.12g}")


Parameter = Choice | Range
Space = Mapping[str, Parameter]


def edges(space: Space) -> list[Values]:
    """Return a few combinations that cover each choice and both ends of each range.

    Example:
        >>> edges({"a": Choice((1, 2, 3)), "b": Range(0.1, 0.5)})
        [{'a': 1, 'b': 0.1}, {'a': 2, 'b': 0.5}, {'a': 3, 'b': 0.1}]
    """
    ends = {
        name: own.values if isinstance(own, Choice) else (own.value(own.low), own.value(own.high))
        for name, own in space.items()
    }
    number = max(map(len, ends.values()))
    return [{name: own[i % len(own)] for name, own in ends.items()} for i in range(number)]


def grid_size(space: Space) -> int:
    """Return the number of combinations of countable values."""
    return math.prod(len(own.steps or ()) for own in space.values())
