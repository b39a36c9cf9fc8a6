"""What differs between two nested settings, in words."""

import json
from typing import Any

_NOTHING = object()


def differences(before: dict[str, Any], now: dict[str, Any], path: str = "") -> dict[str, str]:
    """Name the settings that differ, with both values.

    Args:
        before: Settings, as JSON or YAML give them.
        now: Others.
        path: Stands before each name.

    Returns:
        For each name a phrase, in the order of the settings.

    Example:
        >>> differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 2, "d": 4})
        {'a.b': 'a.b was 1 and is 3', 'd': 'd was not there and is 4'}
    """
    found: dict[str, str] = {}
    for key in dict.fromkeys((*before, *now)):
        old, new = before.get(key, _NOTHING), now.get(key, _NOTHING)
        name = f"{path}{key}"
        if isinstance(old, dict) and isinstance(new, dict):
            found |= differences(old, new, f"{name}.")
        elif old != new:
            found[name] = f"{name} was {_word(old)} and is {_word(new)}"
    return found


def _word(value: object) -> str:
    return "not there" if value is _NOTHING else json.dumps(value)
