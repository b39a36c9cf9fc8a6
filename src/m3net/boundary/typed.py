"""Build settings of known types from plain values, or name the value that does not fit."""

import importlib
import inspect
import json
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from typing import Any, Literal, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, create_model

T = TypeVar("T")

_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")


class MismatchError(ValueError):
    """A value does not fit its setting, which the text names.

    Attributes:
        unknown: Whether the setting does not exist.
    """

    def __init__(self, text: str, unknown: bool) -> None:
        """Save the text."""
        super().__init__(text)
        self.unknown = unknown


def read_as(kind: type[T], plain: object, others: Literal["forbid", "ignore"] = "forbid") -> T:
    """Build a dataclass or a pydantic model from plain values; nothing is converted.

    Args:
        kind: What to build.
        plain: None, booleans, numbers, texts, lists and mappings.
        others: Whether to refuse or to ignore settings that the kind does not have.

    Raises:
        MismatchError: A value has another type, or a setting is missing or unknown.
        M3NetError: The dataclass itself refuses a value.

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
    with _first_error():
        # Lists of JSON may become tuples.
        return TypeAdapter(kind).validate_json(json.dumps(plain), strict=True, extra=others)


def check_as(kind: type[BaseModel], values: object) -> None:
    """Check values that JSON cannot hold, such as tensors.

    Args:
        kind: Types of the values that are checked; others are ignored.
        values: Nested mappings and lists.

    Raises:
        MismatchError: A value has another type or is missing.
    """
    with _first_error():
        kind.model_validate(values, strict=True, extra="ignore")


@contextmanager
def _first_error() -> Iterator[None]:
    """Turn the first error of pydantic into a MismatchError of one line."""
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        setting = ".".join(str(part)[:100] for part in first["loc"])
        unknown = first["type"] in _UNKNOWN
        problem = "there is no such setting" if unknown else first["msg"]
        raise MismatchError(f"{setting}: {problem}" if setting else problem, unknown) from error


@cache
def arguments_of(kind: type, skip: frozenset[str] = frozenset()) -> type[BaseModel]:
    """Return a model of the arguments of a class.

    Args:
        kind: The class; each argument of its `__init__` has a type.
        skip: Arguments that the model leaves out.

    Example:
        >>> class Box:
        ...     def __init__(self, side: int, name: str = "box") -> None: ...
        >>> read_as(arguments_of(Box), {"side": 3})
        Box(side=3, name='box')
    """
    hints = get_type_hints(kind.__init__)  # type: ignore[misc]
    fields: dict[str, Any] = {
        name: (hints[name], ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in inspect.signature(kind).parameters.items()
        if name not in skip
    }
    return create_model(kind.__name__, __config__=ConfigDict(protected_namespaces=()), **fields)


class _Named(BaseModel):
    class_path: str
    init_args: dict[str, Any] = {}


def class_path(kind: type) -> str:
    """Return the shortest path by which a class can be imported.

    Example:
        >>> from m3net.models import M3NetConfig
        >>> class_path(M3NetConfig)
        'm3net.models.M3NetConfig'
    """
    names = kind.__module__.split(".")
    packages = (".".join(names[:length]) for length in range(1, len(names)))
    loaded = ((name, sys.modules.get(name)) for name in packages)
    short = (name for name, package in loaded if getattr(package, kind.__name__, None) is kind)
    return f"{next(short, kind.__module__)}.{kind.__qualname__}"


def to_named(settings: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """Return the class of a dataclass and its fields as plain values, for `read_named`."""
    plain = json.loads(json.dumps(asdict(settings)))
    return {"class_path": class_path(type(settings)), "init_args": plain}


def named_class(base: type[T], path: str, trusted: Collection[str] = ()) -> type[T] | None:
    """Return the subclass of a base class that a path names; None if it is unknown.

    Known are the subclasses that this process has loaded; only trusted classes are imported.

    Args:
        base: The base class.
        path: As from `class_path`, or with the module that defines it.
        trusted: Paths of further classes.

    Raises:
        MismatchError: A trusted path cannot be imported.
    """
    if path in trusted:
        module, _, name = path.rpartition(".")
        try:
            kind = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise MismatchError(f"class_path: {path[:200]!r} ({error})", unknown=True) from error
        return kind if isinstance(kind, type) and issubclass(kind, base) else None
    concrete = [kind for kind in _subclasses(base) if not inspect.isabstract(kind)]
    known = {name: kind for kind in concrete for name in _paths(kind)}
    return known.get(path)


def read_named(base: type[T], plain: object, trusted: Collection[str] = ()) -> T:
    """Build a subclass of a base class from the path of the class and its arguments.

    Args:
        base: The base class, a dataclass.
        plain: As from `to_named`.
        trusted: Paths of classes that may be imported.

    Raises:
        MismatchError: It has another form, or names no known class.
        M3NetError: The class itself refuses a value.
    """
    named = read_as(_Named, plain)
    kind = named_class(base, named.class_path, trusted)
    if kind is None:
        raise MismatchError(f"class_path: {named.class_path[:200]!r} is not known", unknown=True)
    try:
        return read_as(kind, named.init_args)
    except MismatchError as error:
        raise MismatchError(f"init_args.{error}", error.unknown) from error


def _subclasses(base: type[T]) -> Iterator[type[T]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _subclasses(kind)


def _paths(kind: type) -> set[str]:
    return {class_path(kind), f"{kind.__module__}.{kind.__qualname__}"}
