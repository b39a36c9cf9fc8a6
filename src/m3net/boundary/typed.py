"""Plain values as settings of known types, or one sentence that says which one is not."""

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
    """Return the subclass of a base class that a path names; None if it is not known.

    Nothing is imported but what is trusted. Known are the subclasses that this process has loaded.

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
        M3NetError: What the class itself refuses.
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
