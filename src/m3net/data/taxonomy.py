"""Attributes and their classes, by name and by id.

A class has two ids. Its *label* counts within its attribute (0 .. K-1); its *class id* counts
through the whole taxonomy (0 .. M-1), attribute after attribute, so that a slice selects the
classes of one attribute.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Attribute:
    """One attribute of a garment and its classes."""

    name: str
    """For example "sleeve_length"."""
    classes: tuple[str, ...]
    """Class names in label order: ("short", "long")."""
    multi_label: bool = False
    """Whether one image may carry several classes of this attribute."""

    def __post_init__(self) -> None:
        """Check the class names.

        Raises:
            ValueError: A class name occurs twice, or the attribute has no class.
        """
        if not self.classes or len(set(self.classes)) != len(self.classes):
            raise ValueError(f"attribute {self.name!r}: class names must be distinct, at least one")


@dataclass(frozen=True)
class Taxonomy:
    """The attributes of a data set, in the order of their ids.

    Example:
        >>> taxonomy = Taxonomy((Attribute("sleeve", ("short", "long")),
        ...                      Attribute("detail", ("zip", "belt", "bow"), multi_label=True)))
        >>> taxonomy.num_classes, taxonomy.class_id("detail", "belt")
        (5, 3)
        >>> taxonomy.class_names("detail", [4, 2, 0])
        ('zip', 'bow')
        >>> taxonomy.slices
        (slice(0, 2, None), slice(2, 5, None))
        >>> Taxonomy.from_plain(taxonomy.to_plain()) == taxonomy
        True
    """

    attributes: tuple[Attribute, ...]

    def __post_init__(self) -> None:
        """Check the attribute names.

        Raises:
            ValueError: An attribute name occurs twice, or the taxonomy has no attribute.
        """
        if not self.attributes or len(set(self.names)) != len(self.attributes):
            raise ValueError("attribute names must be distinct, at least one")

    def __iter__(self) -> Iterator[Attribute]:
        """Iterate over the attributes in id order."""
        return iter(self.attributes)

    def __len__(self) -> int:
        """Return the number of attributes A."""
        return len(self.attributes)

    @property
    def names(self) -> tuple[str, ...]:
        """Attribute names in id order."""
        return tuple(attribute.name for attribute in self.attributes)

    @property
    def num_classes(self) -> int:
        """Number of classes M over all attributes."""
        return sum(self.sizes)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of classes of each attribute."""
        return tuple(len(attribute.classes) for attribute in self.attributes)

    @cached_property
    def slices(self) -> tuple[slice, ...]:
        """For each attribute the slice of its class ids."""
        ends = np.cumsum(self.sizes).tolist()
        return tuple(slice(end - size, end) for end, size in zip(ends, self.sizes, strict=True))

    @cached_property
    def attribute_of_class(self) -> NDArray[np.int64]:
        """(M,) int64: the attribute id of each class id."""
        return np.repeat(np.arange(len(self)), self.sizes)

    @cached_property
    def _class_ids(self) -> dict[tuple[str, str], int]:
        pairs = [(a.name, name) for a in self.attributes for name in a.classes]
        return {pair: class_id for class_id, pair in enumerate(pairs)}

    def class_id(self, attribute: str, name: str) -> int:
        """Return the class id of a class by its names.

        Raises:
            KeyError: The taxonomy has no such class.
        """
        return self._class_ids[attribute, name]

    def class_name(self, class_id: int) -> str:
        """Return the name of a class, without that of its attribute."""
        attribute = int(self.attribute_of_class[class_id])
        first = int(self.slices[attribute].start)
        return self.attributes[attribute].classes[class_id - first]

    def class_names(self, attribute: str, class_ids: Iterable[int]) -> tuple[str, ...]:
        """Return the names of an attribute's classes among some class ids, in the order of ids.

        Args:
            attribute: Name of the attribute.
            class_ids: Class ids of all attributes, such as `Record.class_ids`.
        """
        index = self.names.index(attribute)
        part, names = self.slices[index], self.attributes[index].classes
        return tuple(
            names[c - part.start] for c in sorted(class_ids) if part.start <= c < part.stop
        )

    def to_plain(self) -> list[dict[str, Any]]:
        """Return lists, dicts and strings, for a checkpoint or a JSON file."""
        return [
            {"name": a.name, "classes": list(a.classes), "multi_label": a.multi_label}
            for a in self.attributes
        ]

    @classmethod
    def from_plain(cls, plain: Sequence[Mapping[str, Any]]) -> "Taxonomy":
        """Rebuild a taxonomy from the result of `to_plain`."""
        return cls(
            tuple(Attribute(a["name"], tuple(a["classes"]), bool(a["multi_label"])) for a in plain)
        )

    def differences(self, other: "Taxonomy") -> list[str]:
        """Describe how another taxonomy differs from this one; empty if it does not.

        Example:
            >>> mine = Taxonomy((Attribute("sleeve", ("short", "long")),))
            >>> mine.differences(Taxonomy((Attribute("sleeve", ("short", "cap")),)))
            ["attribute 'sleeve': class 'long' is missing, class 'cap' is new"]
        """
        mine = {a.name: a for a in self.attributes}
        theirs = {a.name: a for a in other.attributes}
        differences = [f"attribute {name!r} is missing" for name in mine if name not in theirs]
        differences += [f"attribute {name!r} is new" for name in theirs if name not in mine]
        for name in mine.keys() & theirs.keys():
            if classes := _class_differences(mine[name], theirs[name]):
                differences.append(f"attribute {name!r}: {classes}")
        if not differences and self.names != other.names:
            differences = [f"attributes are in another order: {', '.join(other.names)}"]
        return sorted(differences)


def _class_differences(mine: Attribute, theirs: Attribute) -> str:
    """Describe how the classes of one attribute differ; an empty string if they do not."""
    differences = [f"class {c!r} is missing" for c in mine.classes if c not in theirs.classes]
    differences += [f"class {c!r} is new" for c in theirs.classes if c not in mine.classes]
    if not differences and mine.classes != theirs.classes:
        differences = ["its classes are in another order"]
    if mine.multi_label != theirs.multi_label:
        differences.append("several classes per image in one, one class per image in the other")
    return ", ".join(differences)


def similar_names(taxonomy: Taxonomy) -> list[str]:
    r"""Return a sentence for each two attributes, or classes of one, that look the same.

    They differ by case, spaces, invisible letters or how Unicode composes a letter, and are
    probably meant to be one.

    Example:
        >>> similar_names(Taxonomy((Attribute("sleeve", ("long", "Long\u200b", "short")),)))
        ["attribute 'sleeve': classes 'long' and 'Long\\u200b' look the same"]
    """
    pairs = [f"attributes {pair} look the same" for pair in _similar(taxonomy.names)]
    for attribute in taxonomy:
        here = f"attribute {attribute.name!r}"
        pairs += [f"{here}: classes {pair} look the same" for pair in _similar(attribute.classes)]
    return pairs


def _similar(names: Iterable[str]) -> Iterator[str]:
    first: dict[str, str] = {}
    for name in names:
        visible = "".join(c for c in name if unicodedata.category(c) != "Cf")
        shape = " ".join(unicodedata.normalize("NFC", visible).casefold().split())
        if shape in first:
            yield f"{first[shape]!a} and {name!a}"
        first.setdefault(shape, name)
