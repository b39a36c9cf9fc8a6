"""A CSV or Parquet catalogue of photos, with one row per image and one column per attribute.

A cell holds the class of the image, several classes with a separator between them, or nothing where
the image is not annotated. Optional columns name the split of each image, its role in the
evaluation and its product.
"""

import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from m3net.boundary.bounded_parquet import REMEDY, most_values
from m3net.data.annotations.annotation_file import AnnotationFile
from m3net.data.annotations.catalogue_table import read_table
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.image_paths import LEAVES, RELATIVE, check_widths
from m3net.data.annotations.text_rows import TextRows
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
_Classes = tuple[str, ...]
"""The classes of one cell."""


@dataclass(frozen=True)
class CatalogueColumns:
    """Which column of a catalogue holds what."""

    image: str = "image"
    """Column of the image paths, relative to the image root."""
    attributes: tuple[str, ...] | None = None
    """Columns that are attributes; null for every column without another meaning."""
    separator: str = "|"
    """Text between the classes of one cell."""
    multi_label: tuple[str, ...] = ()
    """Attributes that may carry several classes per image even if no cell does."""
    split: str | None = None
    """Column with train, val or test; null to divide the images at random."""
    role: str | None = None
    """Column with query, gallery or both; null to choose the queries at random."""
    item: str | None = None
    """Column that names the product; all images of a product go to the same split."""

    def __post_init__(self) -> None:
        """Refuse settings that suit no file.

        Raises:
            ConfigError: The separator is blank or a column is named twice.
        """
        if not self.separator.strip():
            raise ConfigError(
                "the separator between classes is blank: set data.columns.separator, such as '|'."
            )
        names = [*self.special, *(self.attributes or ())]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ConfigError(
                f"column {twice[0]!r} is named twice in data.columns: give each column one meaning."
            )

    @property
    def special(self) -> tuple[str, ...]:
        """The columns that are not attributes."""
        columns = (self.image, self.split, self.role, self.item)
        return tuple(name for name in columns if name is not None)


@dataclass(frozen=True)
class Catalogue:
    """The N images of a catalogue."""

    taxonomy: Taxonomy
    """Attributes in column order, the classes of each sorted by name."""
    records: Records
    """The images in file order; without roles where the file has no role column."""
    split: NDArray[np.str_] | None
    """(N,), "train", "val" or "test"; None where the file has no split column."""
    items: NDArray[np.str_]
    """(N,), the product of each image; its path where the file has no item column."""
    file: Path
    """The catalogue file."""
    columns: CatalogueColumns = CatalogueColumns()
    """Which column held what."""
    notes: tuple[str, ...] = ()
    """A sentence for each attribute that lost rare classes."""

    def by_product(self) -> "Catalogue":
        """Return the catalogue with images of a product left out of each other's rankings."""
        _, products = np.unique(self.items, return_inverse=True)
        return replace(self, records=replace(self.records, products=products))


def read_catalogue(file: Path, columns: CatalogueColumns, min_class_images: int = 1) -> Catalogue:
    """Read and check a catalogue; no image is opened.

    Args:
        file: UTF-8 CSV with a header, or Parquet.
        columns: Which column holds what.
        min_class_images: Classes of fewer images are left out; an image without any other class of
            the attribute is not annotated for it.

    Raises:
        DatasetNotFoundError: There is no such file.
        AnnotationError: The file contradicts its format, or an attribute has fewer than two
            classes.
    """
    rows = read_table(AnnotationFile(file, Findings()))
    names = _attribute_columns(file, list(rows.table.columns), columns)
    paths = _read_paths(rows, columns.image)
    parsed = [_read_attribute(rows, name, columns, min_class_images) for name in names]
    attributes, classes, notes = zip(*parsed, strict=True)
    taxonomy = Taxonomy(attributes)
    _check_labels(file, classes)
    annotated = np.array([[bool(cell) for cell in of_images] for of_images in classes]).T
    records = Records.build(
        paths=paths,
        rows=rows.table.index.tolist(),
        labels=_class_ids(taxonomy, classes),
        annotated=annotated,
        roles=None,
        num_classes=taxonomy.num_classes,
        file=str(file),
    )
    items, split = paths, None
    if columns.role is not None:
        roles = np.array(_meanings(rows, columns.role, ROLES), dtype=np.uint8)
        records = replace(records, roles=annotated * roles[:, None])
    if columns.split is not None:
        split = np.array(_meanings(rows, columns.split, SPLITS), dtype=np.str_)
    if columns.item is not None:
        rows.refuse(rows[columns.item] == "", columns.item, "no product", "Name it")
        items = rows[columns.item].tolist()
        check_widths(file, "product", items)
    products = np.array(items, dtype=np.str_)
    return Catalogue(taxonomy, records, split, products, file, columns, tuple(filter(None, notes)))


def _attribute_columns(file: Path, names: list[str], columns: CatalogueColumns) -> tuple[str, ...]:
    """Return the attribute columns; all columns that the settings name must be there."""
    attributes = columns.attributes
    if attributes is None:
        attributes = tuple(name for name in names if name not in columns.special)
    problem = ""
    if absent := [name for name in (*columns.special, *attributes) if name not in names]:
        problem = f"no column {absent[0]!r} among {', '.join(map(repr, names))}"
        remedy = "Add it or set data.columns"
    elif not attributes:
        problem, remedy = "no attribute columns", "Add one for each attribute"
    elif unknown := [name for name in columns.multi_label if name not in attributes]:
        problem = f"data.columns.multi_label names {unknown[0]!r}, which is no attribute"
        remedy = f"The attributes are {', '.join(attributes)}"
    if problem:
        raise AnnotationError.at(file, 1, problem, remedy)
    return attributes


def _meanings(rows: TextRows, column: str, meanings: Mapping[str, Value]) -> list[Value]:
    """Return the meaning of each cell of a column; upper and lower case are alike."""
    lower = {cell: cell.lower() for cell in rows.distinct(column)}
    unknown = [cell for cell, word in lower.items() if word not in meanings]
    remedy = f"Write one of {', '.join(map(repr, meanings))}"
    rows.refuse(unknown, column, "unknown", remedy)
    return [meanings[lower[cell]] for cell in rows[column]]


def _read_paths(rows: TextRows, column: str) -> list[str]:
    """Return the image paths in their shortest form, so that one image has one path."""
    rows.refuse(rows[column] == "", column, "no image path", "Fill it in or delete the row")
    texts = rows.distinct(column)
    outside = [text for text in texts if LEAVES.search(text)]
    rows.refuse(outside, column, "outside the image root", f"{RELATIVE} (data.root)")
    shortest = {text: posixpath.normpath(text) for text in texts}
    paths = [shortest[cell] for cell in rows[column]]
    repeated = pd.Series(paths, rows.table.index, object).duplicated(keep=False)
    rows.refuse(repeated, column, "image listed more than once", "Leave one row for each image")
    check_widths(rows.file.path, "image path", paths)
    return paths


def _read_attribute(
    rows: TextRows, column: str, columns: CatalogueColumns, minimum: int
) -> tuple[Attribute, list[_Classes], str]:
    """Return an attribute, its classes of each image, and a sentence about rare classes or ""."""
    # Each distinct text is split once: Parquet may repeat a long one a million times.
    cells = Counter(rows[column].tolist())
    classes_of = {cell: _split_cell(cell, columns.separator) for cell in cells}
    empty = [cell for cell, classes in classes_of.items() if "" in classes]
    twice = [cell for cell, classes in classes_of.items() if len(set(classes)) < len(classes)]
    rows.refuse(empty, column, "a class is empty", "Delete the needless separator")
    rows.refuse(twice, column, "a class is named twice", "Name it once")
    sizes: Counter[str] = Counter()
    for cell, number in cells.items():
        sizes.update(dict.fromkeys(classes_of[cell], number))
    frequent = _frequent(rows.file.path, column, sizes, minimum)
    several = column in columns.multi_label or max(map(len, classes_of.values())) > 1
    note = ""
    if rare := [f"{name} ({sizes[name]})" for name in sorted({*sizes} - {*frequent})]:
        note = f"attribute {column!r}: left out, with fewer than {minimum} images each: "
        note += ", ".join(rare)
        kept = {*frequent}
        for cell, classes in classes_of.items():
            classes_of[cell] = tuple(name for name in classes if name in kept)
    carried = [classes_of[cell] for cell in rows[column]]
    return Attribute(column, frequent, several), carried, note


def _frequent(file: Path, column: str, sizes: Counter[str], minimum: int) -> _Classes:
    """Return the classes of enough images, sorted; there must be two."""
    names = tuple(name for name in sorted(sizes) if sizes[name] >= minimum)
    if len(names) > 1:
        return names
    if len(sizes) > 1:
        number = f"fewer than two classes of {minimum} images"
        remedy = "Lower data.min_class_images or leave the column out of the attributes"
    else:
        number = f"one class, {next(iter(sizes))!r}" if sizes else "no class"
        remedy = "Annotate two or more, or name the other attributes in data.columns.attributes"
    raise AnnotationError.at(file, None, f"attribute {column!r} has {number}", remedy)


def _split_cell(cell: str, separator: str) -> _Classes:
    return tuple(part.strip() for part in cell.split(separator)) if cell else ()


def _check_labels(file: Path, columns: Sequence[Sequence[_Classes]]) -> None:
    """Refuse a cell of many classes that Parquet repeats in all rows."""
    number = sum(sum(map(len, cells)) for cells in columns)
    if number > (most := most_values(file.stat().st_size, _MOST_LABELS)):
        problem = f"its images have {number:,} classes, more than {most:,}"
        raise AnnotationError.at(file, None, problem, REMEDY)


def _class_ids(taxonomy: Taxonomy, columns: Sequence[Sequence[_Classes]]) -> list[list[int]]:
    """Return the class ids of each image from the cells of each attribute."""
    labels: list[list[int]] = [[] for _ in columns[0]]
    for attribute, cells in zip(taxonomy, columns, strict=True):
        ids = {cell: [taxonomy.class_id(attribute.name, c) for c in cell] for cell in set(cells)}
        for of_image, cell in zip(labels, cells, strict=True):
            of_image.extend(ids[cell])
    return labels
