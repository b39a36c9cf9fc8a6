"""Plain values as settings of known types, or one sentence that says which one is not."""

import inspect
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

T = TypeVar("T")

_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")


class MismatchError(ValueError):
    """A value is not what its place takes; the text names the place.

    Attributes:
        unknown: Whether there is no such place.
    """

    def __init__(self, text: str, unknown: bool) -> None:
        """Take the text."""
        super().__init__(text)
        self.unknown = unknown


def read_as(kind: type[T], plain: object, others: Literal["forbid", "ignore"] = "forbid") -> T:
    """Build a dataclass or a pydantic model from plain values; nothing is converted.

    Args:
        kind: What to build.
        plain: None, booleans, numbers, texts, lists and mappings.
        others: What to do about settings that the kind does not have.

    Raises:
        MismatchError: A value has another type, a setting is missing or there is no such setting.
        M3NetError: What the dataclass itself refuses.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Size:
        ...     pixels: int = 224
        >>> read_as(Size, {"pixels": "many"})
        Traceback (most recent call last):
            ...
        m3net.boundary.typed.MismatchError: pixels: Input should be a valid integer
    """
    with _told():
        # As JSON, whose lists may be tuples where the settings have them.
        return TypeAdapter(kind).validate_json(json.dumps(plain), strict=True, extra=others)


def check_as(kind: type[BaseModel], values: object) -> None:
    """Check values that JSON cannot hold, as tensors; what the model does not name is let be.

    Args:
        kind: Types of what is looked at.
        values: Nested mappings and lists.

    Raises:
        MismatchError: A value has another type or is missing.
    """
    with _told():
        kind.model_validate(values, strict=True, extra="ignore")


@contextmanager
def _told() -> Iterator[None]:
    """Raise the first thing that pydantic finds, in one line."""
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(own)[:100] for own in first["loc"])
        unknown = first["type"] in _UNKNOWN
        said = "there is no such setting" if unknown else first["msg"]
        raise MismatchError(f"{place}: {said}" if place else said, unknown) from error


@cache
def arguments_of(kind: type, skip: frozenset[str] = frozenset()) -> type[BaseModel]:
    """Return a model of the arguments that a class is built with.

    Args:
        kind: Its `__init__` has a type for each argument.
        skip: Arguments that the model leaves out.

    Example:
        >>> class Box:
        ...     def __init__(self, side: int, name: str = "box") -> None: ...
        >>> read_as(arguments_of(Box), {"side": 3})
        Box(side=3, name='box')
    """
    hints = get_type_hints(kind.__init__)  # type: ignore[misc]
    fields: dict[str, Any] = {
        name: (hints[name], ... if own.default is own.empty else own.default)
        for name, own in inspect.signature(kind).parameters.items()
        if name not in skip
    }
    return create_model(kind.__name__, __config__=ConfigDict(protected_namespaces=()), **fields)
