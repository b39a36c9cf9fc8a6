"""JSON and YAML as plain values of limited size, depth and number.

The bytes of a text do not bound its values: an alias of YAML repeats a whole tree, and deep nesting
exceeds Python's limit of recursion.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from m3net.boundary.regular_file import MIB, ExcessError, read_text

MOST_BYTES = 4 * MIB
_MOST_YAML = MIB // 8
"""Bytes of YAML: parsing takes about a hundred times as long as JSON."""
_MOST_VALUES = 100_000
_MOST_DEPTH = 40
_MOST_LETTERS = 10_000
"""Length of a YAML scalar: parsing a number takes time by the square of its digits."""


def read_json(file: Path, most: int = MOST_BYTES) -> Any:  # noqa: ANN401 - any plain value
    """Read a JSON file.

    Args:
        file: UTF-8 text.
        most: Highest size in bytes.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not JSON, or too large or too deep.
        RecursionError: It is far too deep.
    """
    value = json.loads(read_text(file, most))
    check_depth(value)
    return value


def read_yaml(file: Path) -> Any:  # noqa: ANN401 - any plain value
    """Read a YAML file of null, booleans, numbers, texts, lists and mappings.

    Args:
        file: UTF-8 text.

    Raises:
        OSError: It cannot be read.
        ValueError: It is too large, too deep, too long with aliases expanded, or holds another kind
            of value, such as a date.
        yaml.YAMLError: It is not YAML, or names a Python object.
        TypeError: It holds a set or bytes.
        RecursionError: It is far too deep.
    """
    loader = yaml.SafeLoader(read_text(file, _MOST_YAML))
    try:
        node = loader.get_single_node()
        _check_nodes(node)
        value = None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()
    # Refuses dates, bytes and sets: no setting is one.
    return json.loads(json.dumps(value))


def check_depth(value: object) -> None:
    """Check how deeply lists and mappings are nested.

    Raises:
        ExcessError: Too deeply to walk through them by recursion.

    Example:
        >>> check_depth({"a": [1, {"b": []}]})
    """
    level = [value]
    for _ in range(_MOST_DEPTH):
        level = [part for outer in level for part in _parts(outer)]
        if not level:
            return
    raise _too_deep()


def _parts(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _check_nodes(root: yaml.Node | None) -> None:
    """Count the values of a document, with aliases expanded, before any is built."""
    waiting = [] if root is None else [(root, 0)]
    count = 0
    while waiting:
        node, depth = waiting.pop()
        count += 1
        if count > _MOST_VALUES:
            raise ExcessError(f"it holds more than {_MOST_VALUES:,} values, aliases written out")
        if depth > _MOST_DEPTH:
            raise _too_deep()
        if isinstance(node, yaml.ScalarNode) and len(node.value) > _MOST_LETTERS:
            raise ExcessError(f"a value has more than {_MOST_LETTERS:,} letters")
        if isinstance(node, yaml.SequenceNode):
            waiting += [(part, depth + 1) for part in node.value]
        elif isinstance(node, yaml.MappingNode):
            waiting += [(part, depth + 1) for pair in node.value for part in pair]


def _too_deep() -> ExcessError:
    return ExcessError(f"it is nested more than {_MOST_DEPTH} levels deep")
