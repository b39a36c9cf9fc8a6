"""Differences between two nested settings, as sentences."""

import json
from typing import Any

_MISSING = object()


def differences(before: dict[str, Any], now: dict[str, Any], path: str = "") -> dict[str, str]:
    """Return a phrase with both values for each setting that differs.

    Args:
        before: Settings as JSON or YAML holds them.
        now: Other settings.
        path: Prefix of each name.

    Example:
        >>> differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 2, "d": 4})
        {'a.b': 'a.b was 1 and is 3', 'd': 'd was not there and is 4'}
    """
    phrases: dict[str, str] = {}
    for key in dict.fromkeys((*before, *now)):
        old, new = before.get(key, _MISSING), now.get(key, _MISSING)
        name = f"{path}{key}"
        if isinstance(old, dict) and isinstance(new, dict):
            phrases |= differences(old, new, f"{name}.")
        elif old != new:
            phrases[name] = f"{name} was {_shown(old)} and is {_shown(new)}"
    return phrases


def _shown(value: object) -> str:
    return "not there" if value is _MISSING else json.dumps(value)
