"""A hyper-parameter as W&B's file says it."""

import math
from collections.abc import Callable
from typing import Any

from m3net.errors import ConfigError
from m3net.workflows.studies.sweep.space import Choice, Parameter, Range

_Ends = Callable[[float, float], tuple[float, float]]


def _same(low: float, high: float) -> tuple[float, float]:
    return low, high


def _powers(low: float, high: float) -> tuple[float, float]:
    return math.exp(low), math.exp(high)


def _inverse_powers(low: float, high: float) -> tuple[float, float]:
    return math.exp(-high), math.exp(-low)


_RANGES: dict[str, tuple[bool, _Ends]] = {
    "int_uniform": (False, _same),
    "uniform": (False, _same),
    "q_uniform": (False, _same),
    "log_uniform_values": (True, _same),
    "q_log_uniform_values": (True, _same),
    "inv_log_uniform_values": (True, _same),
    "log_uniform": (True, _powers),
    "inv_log_uniform": (True, _inverse_powers),
}
"""Whether logarithms are drawn evenly, and what min and max mean; inverse ones are even as well."""
_GREATEST, _GREATEST_POWER = 1e300, 700
"""What floats can hold, with some room."""
_KNOWN = ("constant", "categorical", *_RANGES)


def read_parameter(given: object) -> Parameter:
    """Read what a hyper-parameter may be.

    Args:
        given: Its entry in the file.

    Raises:
        ConfigError: It is nothing that can be tried here.

    Example:
        >>> read_parameter({"min": 1, "max": 4})
        Range(low=1, high=4, log=False, step=None, whole=True)
        >>> read_parameter({"value": True})
        Choice(values=(True,))
    """
    if not isinstance(given, dict):
        raise ConfigError("it must have value, values, or min and max.")
    if "parameters" in given:
        raise ConfigError("nested parameters are not known here: write a.b for the flag --a.b.")
    kind = given.get("distribution", _usual_kind(given))
    if kind not in _KNOWN:
        raise ConfigError(f"distribution {kind} is not known here; known are {', '.join(_KNOWN)}.")
    own = {"constant": ("value",), "categorical": ("values",)}.get(kind, ("min", "max"))
    for key in given:
        if key not in (*own, "distribution") and not (key == "q" and kind.startswith("q_")):
            raise ConfigError(f"{key} does not go with distribution {kind} here. Take it out.")
    for key in own:
        if key not in given:
            raise ConfigError(f"{key} is missing, which distribution {kind} needs.")
    if kind == "constant":
        return Choice((given["value"],))
    if kind == "categorical":
        if not isinstance(given["values"], list) or not given["values"]:
            raise ConfigError("values must be a list, and not an empty one.")
        return Choice(tuple(given["values"]))
    return _range(kind, given)


def _usual_kind(given: dict[str, Any]) -> str:
    """Return the distribution that W&B uses if none is named."""
    if "value" in given:
        return "constant"
    if "values" in given:
        return "categorical"
    return "int_uniform" if _whole(given.get("min"), given.get("max")) else "uniform"


def _range(kind: str, given: dict[str, Any]) -> Range:
    low, high, step = given["min"], given["max"], given.get("q", 1.0)
    for key, number in (("min", low), ("max", high), ("q", step)):
        good = isinstance(number, int | float) and not isinstance(number, bool)
        if not good or not -_GREATEST <= number <= _GREATEST:
            raise ConfigError(f"{key} is {number!r}: it must be a number (1.0e-3, not 1e-3).")
    if kind == "int_uniform" and not _whole(low, high):
        raise ConfigError("min and max of int_uniform must be integers.")
    log, ends = _RANGES[kind]
    if low >= high or step <= 0 or (log and ends is _same and low <= 0):
        raise ConfigError(
            f"min {low} and max {high} are no range of {kind}: min is below max, q positive, and "
            "what is logarithmic as well."
        )
    if ends is not _same and max(abs(low), abs(high)) > _GREATEST_POWER:
        raise ConfigError(
            f"min {low} and max {high} are powers of e with {kind}, at most {_GREATEST_POWER}: for "
            f"the numbers themselves, the distribution is {kind}_values."
        )
    low, high = ends(low, high)
    if not kind.startswith("q_"):
        return Range(low, high, log, whole=kind == "int_uniform")
    for key, number in (("min", low), ("max", high)):
        if abs(number / step - round(number / step)) > 1e-9:
            raise ConfigError(f"{key} is {number}: it must be a multiple of q, which is {step}.")
    return Range(low, high, log, step, whole=_whole(step))


def _whole(*numbers: object) -> bool:
    return all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)
