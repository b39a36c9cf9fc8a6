import csv
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m3net.data.annotations.catalogue import (
    Catalogue,
    CatalogueColumns,
    read_catalogue,
)
from m3net.data.photos.listing import missing_images
from m3net.data.records import Role
from m3net.errors import AnnotationError, ConfigError, DatasetNotFoundError

GOOD = """image,sleeve,detail,split,role,item
a.jpg,short,zip|belt,train,,p1
b.jpg,long,,val,query,p2
c/d.jpg,,bow,Validation,gallery,p2
e.jpg,short,zip,test,both,p3
"""
COLUMNS = CatalogueColumns(split="split", role="role", item="item")


def write(folder: Path, content: str | bytes, name: str = "photos.csv") -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def labels_of(catalogue: Catalogue) -> list[set[tuple[str, str]]]:
    """Name the classes of each image, the long way round."""
    pairs = [(a.name, c) for a in catalogue.taxonomy for c in a.classes]
    records = catalogue.records
    return [{pairs[c] for c in records[i].class_ids} for i in range(len(records))]


def test_a_good_file(tmp_path: Path) -> None:
    catalogue = read_catalogue(write(tmp_path, GOOD), COLUMNS)
    records = catalogue.records
    assert [(a.name, a.classes, a.multi_label) for a in catalogue.taxonomy] == [
        ("sleeve", ("long", "short"), False),
        ("detail", ("belt", "bow", "zip"), True),
    ]
    assert records.paths.tolist() == ["a.jpg", "b.jpg", "c/d.jpg", "e.jpg"]
    assert records.rows.tolist() == [2, 3, 4, 5]
    assert labels_of(catalogue) == [
        {("sleeve", "short"), ("detail", "zip"), ("detail", "belt")},
        {("sleeve", "long")},
        {("detail", "bow")},
        {("sleeve", "short"), ("detail", "zip")},
    ]
    assert records.annotated.tolist() == [[True, True], [True, False], [False, True], [True, True]]
    both = int(Role.QUERY | Role.GALLERY)
    assert records.roles.tolist() == [[0, 0], [1, 0], [0, 2], [both, both]]
    assert records.roles.dtype == np.uint8
    assert catalogue.split is not None
    assert catalogue.split.tolist() == ["train", "val", "val", "test"]
    assert catalogue.items.tolist() == ["p1", "p2", "p2", "p3"]


def test_without_optional_columns(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD)
    catalogue = read_catalogue(file, CatalogueColumns(attributes=("sleeve",)))
    assert catalogue.taxonomy.names == ("sleeve",)
    assert catalogue.split is None
    assert not catalogue.records.roles.any()
    assert catalogue.items.tolist() == catalogue.records.paths.tolist()


def test_blanks_a_byte_order_mark_and_crlf_change_nothing(tmp_path: Path) -> None:
    spaced = "\ufeff" + GOOD.replace(",", " , ").replace("|", " | ").replace("\n", "\r\n\r\n")
    plain = read_catalogue(write(tmp_path, GOOD), COLUMNS)
    other = read_catalogue(write(tmp_path, spaced, "spaced.csv"), COLUMNS)
    assert other.taxonomy == plain.taxonomy
    assert labels_of(other) == labels_of(plain)
    assert other.records.rows.tolist() == [3, 5, 7, 9]


def test_parquet_says_the_same_as_csv(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD)
    frame = pd.read_csv(file, dtype="category")
    frame.to_parquet(tmp_path / "photos.parquet")
    one = read_catalogue(file, COLUMNS)
    two = read_catalogue(tmp_path / "photos.parquet", COLUMNS)
    assert two.taxonomy == one.taxonomy
    np.testing.assert_array_equal(two.split, one.split)
    np.testing.assert_array_equal(two.items, one.items)
    for name in ("paths", "rows", "offsets", "class_ids", "annotated", "roles"):
        np.testing.assert_array_equal(getattr(two.records, name), getattr(one.records, name))


def test_a_row_is_known_by_its_first_line(tmp_path: Path) -> None:
    text = 'image,note,sleeve\na.jpg,"two\nlines",x\nb.jpg,,y\n'
    columns = CatalogueColumns(attributes=("sleeve",))
    assert read_catalogue(write(tmp_path, text), columns).records.rows.tolist() == [2, 4]


def test_multi_label_by_name_and_another_separator(tmp_path: Path) -> None:
    text = "image,sleeve,detail\na.jpg,x|y,p;q\nb.jpg,y,p\n"
    columns = CatalogueColumns(separator=";", multi_label=("sleeve",))
    taxonomy = read_catalogue(write(tmp_path, text), columns).taxonomy
    assert [(a.classes, a.multi_label) for a in taxonomy] == [
        (("x|y", "y"), True),
        (("p", "q"), True),
    ]


CLASS_NAMES = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(
    cells=st.lists(
        st.lists(
            CLASS_NAMES.map(str.strip).filter(lambda n: n and "|" not in n), max_size=3, unique=True
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_class_name_survives(
    cells: list[list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = [["first", "x", "y"], *cells]
    file = tmp_path_factory.mktemp("names") / "photos.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image", "größe"])
        writer.writerows([f"{i}.jpg", "|".join(classes)] for i, classes in enumerate(rows))
    expected = [{("größe", name) for name in classes} for classes in rows]
    assert labels_of(read_catalogue(file, CatalogueColumns())) == expected


BROKEN: dict[str, tuple[str | bytes, list[str]]] = {
    "empty file": ("", ["no header"]),
    "header only": (GOOD.splitlines()[0], ["no rows", "Add a row"]),
    "not UTF-8": (GOOD.encode().replace(b"zip\n", b"\xe9\n").replace(b"bow", b"\xe9"), ["row 4"]),
    "open quote": (GOOD.replace("e.jpg", '"e.jpg'), ["row 5", "not CSV", "quotes"]),
    "too few cells": (GOOD.replace("long,,", "long,"), ["row 3", "5 cells instead of 6", "quotes"]),
    "too many cells": (GOOD.replace("bow,", "bow,bow,"), ["row 4", "7 cells instead of 6"]),
    "column twice": (GOOD.replace("detail", "sleeve"), ["row 1", "'sleeve'", "Rename"]),
    "column without name": ("," + GOOD.replace("\n", "\n0,")[:-2], ["column 1", "index=False"]),
    "no image column": (GOOD.replace("image", "photo"), ["'image'", "'photo', 'sleeve'"]),
    "no split column": (GOOD.replace("split", "fold"), ["'split'", "'fold'", "columns"]),
    "no role column": (GOOD.replace("role", "part"), ["'role'", "'part'"]),
    "no item column": (GOOD.replace("item", "sku"), ["'item'", "'sku'"]),
    "empty image": (GOOD.replace("b.jpg", " "), ["row 3", "no image path", "delete the row"]),
    "image twice": (GOOD.replace("e.jpg", "./a.jpg"), ["row 2", "'a.jpg'", "2 rows: 2, 5"]),
    "absolute path": (GOOD.replace("e.jpg", "/e.jpg"), ["row 5", "'/e.jpg'", "(data.root)"]),
    "path with a drive": (GOOD.replace("e.jpg", "C:\\e.jpg"), ["row 5", "outside"]),
    "path that climbs": (GOOD.replace("c/d.jpg", "c/../../d.jpg"), ["row 4", "outside"]),
    "unknown split": (GOOD.replace(",test,", ",holdout,"), ["row 5", "'holdout'", "'train'"]),
    "empty split": (GOOD.replace(",test,", ",,"), ["row 5", "'split'", "'test'"]),
    "unknown role": (GOOD.replace("gallery", "candidate"), ["row 4", "'candidate'", "'gallery'"]),
    "empty item": (GOOD.replace(",p3", ","), ["row 5", "'item'", "no product"]),
    "class between separators": (GOOD.replace("zip|belt", "zip||belt"), ["row 2", "'zip||belt'"]),
    "separator at the end": (GOOD.replace("bow", "bow|"), ["row 4", "'bow|'", "separator"]),
    "class twice": (GOOD.replace("zip|belt", "zip| zip"), ["row 2", "twice", "'zip| zip'"]),
    "one class": (GOOD.replace("long", "short"), ["'sleeve'", "one class, 'short'"]),
    "no class": (GOOD.replace("long", "").replace("short", ""), ["'sleeve'", "no class"]),
    "no attributes": (
        "image,split,role,item\na.jpg,train,,p1\n",
        ["row 1", "no attribute columns", "Add one"],
    ),
}


@pytest.mark.parametrize("mutation", BROKEN)
def test_a_broken_file_is_named_with_row_and_remedy(tmp_path: Path, mutation: str) -> None:
    content, words = BROKEN[mutation]
    file = write(tmp_path, content)
    with pytest.raises(AnnotationError) as caught:
        read_catalogue(file, COLUMNS)
    text = str(caught.value)
    for word in [str(file), *words]:
        assert word in text


def test_many_bad_rows_are_counted(tmp_path: Path) -> None:
    rows = [f"{i}.jpg,{'x|x' if i % 2 else 'xy'[i % 4 // 2]}" for i in range(16)]
    file = write(tmp_path, "\n".join(["image,sleeve", *rows]))
    with pytest.raises(AnnotationError, match=r"row 3: .* \(8 rows: 3, 5, 7, 9, 11, \.\.\.\)"):
        read_catalogue(file, CatalogueColumns())


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"none\.csv.*data\.file"):
        read_catalogue(tmp_path / "none.csv", CatalogueColumns())


def test_another_kind_of_file(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"photos\.xlsx: neither \.csv nor \.parquet"):
        read_catalogue(write(tmp_path, GOOD, "photos.xlsx"), COLUMNS)


def test_text_that_is_called_parquet(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"photos\.parquet: not Parquet"):
        read_catalogue(write(tmp_path, GOOD, "photos.parquet"), COLUMNS)


def test_a_parquet_column_of_lists(tmp_path: Path) -> None:
    file = tmp_path / "photos.parquet"
    pq.write_table(pa.table({"image": ["a.jpg"], "sleeve": [["x", "y"]]}), file)
    with pytest.raises(AnnotationError, match=r"column 'sleeve' holds list<.*save it as text"):
        read_catalogue(file, CatalogueColumns())


def test_named_columns_that_are_not_there(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD)
    with pytest.raises(AnnotationError, match="no column 'collar' among 'image', 'sleeve'"):
        read_catalogue(file, CatalogueColumns(attributes=("collar",)))
    with pytest.raises(AnnotationError, match="'item', which is no attribute"):
        read_catalogue(file, CatalogueColumns(attributes=("sleeve",), multi_label=("item",)))
    with pytest.raises(AnnotationError, match="no attribute columns"):
        read_catalogue(file, CatalogueColumns(attributes=()))


def test_settings_that_suit_no_file() -> None:
    with pytest.raises(ConfigError, match="separator"):
        CatalogueColumns(separator=" ")
    with pytest.raises(ConfigError, match="'split' is named twice"):
        CatalogueColumns(split="split", attributes=("sleeve", "split"))


RARE = """image,sleeve,detail,role
a.jpg,x,p|r,query
b.jpg,x,r,query
c.jpg,y,p,query
d.jpg,y,q,query
e.jpg,z,q,query
"""
RARE_COLUMNS = CatalogueColumns(role="role")


def test_rare_classes_are_left_out_and_reported(tmp_path: Path) -> None:
    file = write(tmp_path, RARE)
    smaller = read_catalogue(file, RARE_COLUMNS, min_class_images=2)
    assert [a.classes for a in smaller.taxonomy] == [("x", "y"), ("p", "q", "r")]
    assert smaller.taxonomy.attributes[1].multi_label
    expected = labels_of(read_catalogue(file, RARE_COLUMNS))
    expected[4] = {("detail", "q")}
    assert labels_of(smaller) == expected
    assert smaller.records.annotated.tolist() == [[True, True]] * 4 + [[False, True]]
    assert smaller.records.roles.tolist() == [[1, 1]] * 4 + [[0, 1]]
    [note] = smaller.notes
    for word in ("'sleeve'", "z (1)", "fewer than 2 images"):
        assert word in note


def test_a_rare_class_beside_another_is_left_out_of_the_cell(tmp_path: Path) -> None:
    smaller = read_catalogue(write(tmp_path, RARE.replace("p|r", "p|r|s")), RARE_COLUMNS, 2)
    assert labels_of(smaller)[0] == {("sleeve", "x"), ("detail", "p"), ("detail", "r")}


def test_a_minimum_of_one_keeps_all(tmp_path: Path) -> None:
    catalogue = read_catalogue(write(tmp_path, RARE), RARE_COLUMNS, min_class_images=1)
    assert catalogue.notes == ()
    assert [a.classes for a in catalogue.taxonomy] == [("x", "y", "z"), ("p", "q", "r")]
    sleeves = [{("sleeve", name)} for name in "xxyyz"]
    assert [
        labels & own for labels, own in zip(labels_of(catalogue), sleeves, strict=True)
    ] == sleeves


def test_a_rule_that_leaves_one_class(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"photos\.csv: attribute 'sleeve' has fewer.*Lower"):
        read_catalogue(write(tmp_path, RARE), RARE_COLUMNS, min_class_images=3)


def test_real_catalogue() -> None:
    folder = os.environ.get("M3NET_FASHION_PRODUCTS")
    if folder is None:
        pytest.skip("M3NET_FASHION_PRODUCTS does not name a folder with products.csv and images/")
    catalogue = read_catalogue(Path(folder) / "products.csv", CatalogueColumns())
    assert not len(missing_images(Path(folder), catalogue.records))
    with (Path(folder) / "products.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert catalogue.records.paths.tolist() == [row["image"] for row in rows]
    assert labels_of(catalogue) == [
        {(name, value) for name, value in row.items() if name != "image" and value} for row in rows
    ]
