"""Own photos: a CSV or Parquet catalogue with one row per image and one column per attribute.

A cell holds the image's class of that attribute, several classes with a separator between them, or
nothing where the image is not annotated. Optional columns give each image's split, its role in
the evaluation and the product that it shows.
"""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from m3net.boundary.bounded_parquet import REMEDY, most_values
from m3net.data.annotations.table import read_table, rows_error
from m3net.data.annotations.text import LEAVES, check_widths, shortened
from m3net.data.records import Records, Role
from m3net.data.taxonomy import Attribute, Taxonomy
from m3net.errors import AnnotationError, ConfigError

_MOST_LABELS = 2**23
SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
ROLES = {
    "query": Role.QUERY,
    "gallery": Role.GALLERY,
    "both": Role.QUERY | Role.GALLERY,
    "": Role.NONE,
}

Value = TypeVar("Value")


@dataclass(frozen=True)
class CatalogueColumns:
    """Which column of a catalogue holds what.

    Attributes:
        image: Column of the image paths, relative to the image root.
        attributes: Columns that are attributes; null for every column without another meaning.
        separator: What stands between the classes of one cell.
        multi_label: Attributes that may carry several classes per image even if no cell does.
        split: Column with train, val or test; null to divide the images by chance.
        role: Column with query, gallery or both; null to choose the queries by chance.
        item: Column that names the product; all images of a product go to the same split.
    """

    image: str = "image"
    attributes: tuple[str, ...] | None = None
    separator: str = "|"
    multi_label: tuple[str, ...] = ()
    split: str | None = None
    role: str | None = None
    item: str | None = None

    def __post_init__(self) -> None:
        """Refuse settings that suit no file.

        Raises:
            ConfigError: The separator is blank or a column is named twice.
        """
        if not self.separator.strip():
            raise ConfigError("The separator between classes is blank. Give another, as '|'.")
        named = [*self.special, *(self.attributes or ())]
        if twice := [name for name in named if named.count(name) > 1]:
            raise ConfigError(f"Column {twice[0]!r} is named twice. Give each column one meaning.")

    @property
    def special(self) -> tuple[str, ...]:
        """The columns that are not attributes."""
        given = (self.image, self.split, self.role, self.item)
        return tuple(name for name in given if name is not None)


@dataclass(frozen=True)
class Catalogue:
    """What a catalogue says of its N images.

    Attributes:
        taxonomy: Attributes in column order, the classes of each sorted by name.
        records: The images in file order; without roles where the file has no role column.
        split: (N,) str, "train", "val" or "test"; None where the file has no split column.
        items: (N,) str, the product of each image; its path where the file has no item column.
        file: Where all this was read.
        columns: Which column held what.
    """

    taxonomy: Taxonomy
    records: Records
    split: NDArray[np.str_] | None
    items: NDArray[np.str_]
    file: Path
    columns: CatalogueColumns = CatalogueColumns()

    def by_product(self) -> "Catalogue":
        """Give the catalogue with the images of a product left out of each other's rankings."""
        _, products = np.unique(self.items, return_inverse=True)
        return replace(self, records=replace(self.records, products=products))


def read_catalogue(file: Path, columns: CatalogueColumns) -> Catalogue:
    """Read and check a catalogue; no image is looked at.

    Args:
        file: UTF-8 CSV with a header, or Parquet.
        columns: Which column holds what.

    Raises:
        DatasetNotFoundError: There is no such file.
        AnnotationError: The file contradicts its format.
    """
    table = read_table(file)
    names = _attribute_columns(file, list(table.columns), columns)
    paths = _read_paths(file, table[columns.image])
    parsed = [_read_attribute(file, table[name], columns) for name in names]
    taxonomy = Taxonomy(tuple(attribute for attribute, _ in parsed))
    _check_labels(file, [cells for _, cells in parsed])
    annotated = np.stack([_given(cells) for _, cells in parsed], axis=1)
    records = Records.build(
        paths=paths,
        rows=table.index.tolist(),
        labels=_class_ids(taxonomy, [cells for _, cells in parsed]),
        annotated=annotated,
        roles=np.zeros(annotated.shape, dtype=np.uint8),
        num_classes=taxonomy.num_classes,
        file=str(file),
    )
    items, split = paths, None
    if columns.role is not None:
        words = _read_words(file, table[columns.role], ROLES)
        records = replace(records, roles=annotated * np.array(words, dtype=np.uint8)[:, None])
    if columns.split is not None:
        split = np.array(_read_words(file, table[columns.split], SPLITS), dtype=np.str_)
    if columns.item is not None:
        _refuse(file, table[columns.item], table[columns.item] == "", "no product", "Name it")
        items = table[columns.item].tolist()
        check_widths(file, "product", items)
    return Catalogue(taxonomy, records, split, np.array(items, dtype=np.str_), file, columns)


def _refuse(file: Path, cells: pd.Series, bad: pd.Series, problem: str, remedy: str) -> None:
    """Raise an error with the first bad cell and the rows of all."""
    if bad.any():
        value = cells[bad].iloc[0]
        shown = f" {shortened(value)!r}" if value else ""
        problem = f"column {cells.name!r}: {problem}{shown}"
        raise rows_error(file, cells.index[bad], problem, remedy)


def _refuse_texts(
    file: Path, cells: pd.Series, bad: Sequence[str], problem: str, remedy: str
) -> None:
    """Raise an error if a cell holds one of some bad texts."""
    if bad:
        _refuse(file, cells, cells.isin(bad), problem, remedy)


def _distinct(cells: pd.Series) -> list[str]:
    """Return each text once, in order; pandas would look at all letters of every cell."""
    return list(dict.fromkeys(cells))


def _attribute_columns(file: Path, names: list[str], columns: CatalogueColumns) -> tuple[str, ...]:
    """Give the attribute columns, once all columns that the settings name are there."""
    for name in (*columns.special, *(columns.attributes or ())):
        if name not in names:
            problem = f"no column {name!r} among {', '.join(map(repr, names))}"
            raise AnnotationError.at(file, 1, problem, "Add it or set --data.columns")
    attributes = columns.attributes
    if attributes is None:
        attributes = tuple(name for name in names if name not in columns.special)
    if not attributes:
        raise AnnotationError.at(file, 1, "no attribute columns", "Add one for each attribute")
    if unknown := [name for name in columns.multi_label if name not in attributes]:
        problem = f"--data.columns.multi_label names {unknown[0]!r}, which is no attribute"
        raise AnnotationError.at(file, 1, problem, f"The attributes are {', '.join(attributes)}")
    return attributes


def _read_paths(file: Path, cells: pd.Series) -> list[str]:
    """Give the image paths in their shortest form, so that one image has one path."""
    _refuse(file, cells, cells == "", "no image path", "Fill it in or delete the row")
    remedy = "Write paths relative to the image root (--data.root)"
    # Each distinct text once: Parquet may repeat a long one a million times.
    known = _distinct(cells)
    outside = [cell for cell in known if LEAVES.search(cell)]
    _refuse_texts(file, cells, outside, "path outside the image root", remedy)
    shortest = {cell: posixpath.normpath(cell) for cell in known}
    paths = pd.Series([shortest[cell] for cell in cells], cells.index, object, cells.name)
    remedy = "Leave one row for each image"
    _refuse(file, paths, paths.duplicated(keep=False), "image listed more than once", remedy)
    check_widths(file, "image path", list(paths))
    return list(paths)


def _read_words(file: Path, cells: pd.Series, meanings: Mapping[str, Value]) -> list[Value]:
    """Give what each cell means; upper and lower case are alike."""
    words = {cell: cell.lower() for cell in _distinct(cells)}
    unknown = [cell for cell, word in words.items() if word not in meanings]
    remedy = f"Write one of {', '.join(repr(word) for word in meanings)}"
    _refuse_texts(file, cells, unknown, "unknown word", remedy)
    return [meanings[words[cell]] for cell in cells]


def _read_attribute(
    file: Path, cells: pd.Series, columns: CatalogueColumns
) -> tuple[Attribute, list[tuple[str, ...]]]:
    """Give an attribute and the classes that each image carries of it."""
    parsed = {cell: _split_cell(cell, columns.separator) for cell in _distinct(cells)}
    empty = [cell for cell, classes in parsed.items() if "" in classes]
    twice = [cell for cell, classes in parsed.items() if len(set(classes)) < len(classes)]
    _refuse_texts(file, cells, empty, "empty class in", "Delete the needless separator")
    _refuse_texts(file, cells, twice, "class named twice in", "Name it once")
    name = str(cells.name)
    classes = tuple(sorted({one for of_cell in parsed.values() for one in of_cell}))
    if len(classes) < 2:
        problem = (
            f"attribute {name!r} has {f'one class, {classes[0]!r}' if classes else 'no class'}"
        )
        remedy = "Annotate two or more, or name the other attributes in --data.columns.attributes"
        raise AnnotationError.at(file, None, problem, remedy)
    several = name in columns.multi_label or any(len(of_cell) > 1 for of_cell in parsed.values())
    return Attribute(name, classes, several), [parsed[cell] for cell in cells]


def _split_cell(cell: str, separator: str) -> tuple[str, ...]:
    """Give the classes of one cell."""
    return tuple(part.strip() for part in cell.split(separator)) if cell else ()


def _check_labels(file: Path, columns: Sequence[Sequence[tuple[str, ...]]]) -> None:
    """Refuse a cell of many classes that Parquet repeats in all rows."""
    number = sum(sum(map(len, cells)) for cells in columns)
    if number > (most := most_values(file.stat().st_size, _MOST_LABELS)):
        problem = f"its images have {number:,} classes, more than {most:,}"
        raise AnnotationError.at(file, None, problem, REMEDY)


def _given(cells: Sequence[tuple[str, ...]]) -> NDArray[np.bool_]:
    """Return for each cell whether it holds a class."""
    return np.fromiter(map(bool, cells), np.bool_, len(cells))


def _class_ids(taxonomy: Taxonomy, columns: Sequence[Sequence[tuple[str, ...]]]) -> list[list[int]]:
    """Give the class ids of each image from the cells of each attribute."""
    labels: list[list[int]] = [[] for _ in columns[0]]
    for attribute, cells in zip(taxonomy, columns, strict=True):
        ids = {cell: [taxonomy.class_id(attribute.name, c) for c in cell] for cell in set(cells)}
        for of_image, cell in zip(labels, cells, strict=True):
            of_image.extend(ids[cell])
    return labels
