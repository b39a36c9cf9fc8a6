"""The classes that a network is trained on, and how often each occurs."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field

from m3net.boundary.typed import read_as
from m3net.data.taxonomy import Taxonomy

_MOST_ATTRIBUTES = 1000
_MOST_CLASSES = 100_000
_MOST_LETTERS = 1000

_Name = Annotated[str, Field(max_length=_MOST_LETTERS)]
_Counts = Annotated[list[Annotated[int, Field(lt=2**53)]], Field(max_length=_MOST_CLASSES)]


class _PlainAttribute(BaseModel):
    name: _Name
    classes: Annotated[list[_Name], Field(max_length=_MOST_CLASSES)]
    multi_label: bool


class _PlainCounts(BaseModel):
    taxonomy: Annotated[list[_PlainAttribute], Field(max_length=_MOST_ATTRIBUTES)]
    positives: _Counts
    annotated: _Counts


@dataclass(frozen=True)
class ClassCounts:
    """A taxonomy of M classes and how often each occurs among the training images.

    Example:
        >>> plain = {"taxonomy": [{"name": "zip", "classes": ["no", "yes"], "multi_label": False}],
        ...          "positives": [3, 2], "annotated": [5, 5]}
        >>> ClassCounts.from_plain(plain).to_plain() == plain
        True
    """

    taxonomy: Taxonomy
    positives: tuple[int, ...]
    """For each of the M classes the number of images that carry it."""
    annotated: tuple[int, ...]
    """For each of the M classes the number of images annotated for its attribute."""

    def __post_init__(self) -> None:
        """Check the counts.

        Raises:
            ValueError: The numbers of counts and classes differ, or a class has more images than
                are annotated.
        """
        lengths = {len(self.positives), len(self.annotated)}
        if lengths != {self.taxonomy.num_classes}:
            raise ValueError(f"{self.taxonomy.num_classes} classes need the same number of counts")
        pairs = zip(self.positives, self.annotated, strict=True)
        if not all(0 <= positive <= annotated for positive, annotated in pairs):
            raise ValueError("a class must have 0 images or more, and at most those annotated")

    def to_plain(self) -> dict[str, Any]:
        """Return lists, dicts and strings, for a checkpoint."""
        return {
            "taxonomy": self.taxonomy.to_plain(),
            "positives": list(self.positives),
            "annotated": list(self.annotated),
        }

    @classmethod
    def from_plain(cls, plain: object) -> "ClassCounts":
        """Rebuild the counts from the result of `to_plain`.

        Raises:
            ValueError: `plain` is anything else.
        """
        counts = read_as(_PlainCounts, plain)
        taxonomy = Taxonomy.from_plain([attribute.model_dump() for attribute in counts.taxonomy])
        return cls(taxonomy, tuple(counts.positives), tuple(counts.annotated))
