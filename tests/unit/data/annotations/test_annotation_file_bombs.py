"""Annotation files that are small and costly are refused at once."""

import json
import time
from pathlib import Path

import pytest

from m3net.data.annotations import attribute_matrix, darn, deepfashion
from m3net.data.annotations.annotation_file import MOST_BYTES, AnnotationFile
from m3net.data.annotations.catalogue import CatalogueColumns, read_catalogue
from m3net.data.annotations.catalogue_table import read_table
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.image_paths import check_widths
from m3net.data.annotations.index_files import read_label_lines
from m3net.errors import AnnotationError, M3NetError
from tests.support.bombs import csv_bombs
from tests.support.measured import costs


@pytest.mark.promise("catalogue-bounds")
def test_csv_bombs_are_refused(tmp_path: Path) -> None:
    files = {}
    for number, (name, content) in enumerate(csv_bombs().items()):
        files[name] = tmp_path / f"{number}.csv"
        files[name].write_bytes(content)
    for name, cost in costs("catalogue", files).items():
        assert cost.problem.startswith("AnnotationError"), (name, cost)
        assert "\n" not in cost.problem
        assert len(cost.problem) < 900
        # What is made of lines of one letter takes a hundred times as much.
        assert cost.mib < 200, (name, cost)
        assert cost.seconds < 10, (name, cost)


@pytest.mark.parametrize("columns", [4095, 4096])
def test_many_columns_are_read(tmp_path: Path, columns: int) -> None:
    file = tmp_path / "a.csv"
    names = [f"c{number}" for number in range(columns)]
    file.write_text(",".join(names) + "\n" + ",".join(names) + "\n")
    assert read_table(AnnotationFile(file, Findings())).table.to_numpy().tolist() == [names]


@pytest.mark.promise("catalogue-bounds")
@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' * 100_000, "1" * 100_000])
def test_names_that_are_deep_or_long_are_no_names(tmp_path: Path, text: str) -> None:
    file = tmp_path / "names.json"
    file.write_text(text)
    with pytest.raises(AnnotationError):
        darn.read_names(file)


def test_names_that_are_too_many_are_not_parsed(tmp_path: Path) -> None:
    file = tmp_path / "names.json"
    file.write_text(json.dumps({"clothes length": ["a" * 1000] * 5000}))
    with pytest.raises(AnnotationError, match="bytes are more than"):
        darn.read_names(file)


@pytest.mark.promise("catalogue-bounds")
def test_files_larger_than_any_are_not_read(tmp_path: Path) -> None:
    for name in ("a.csv", "a.txt"):
        with (tmp_path / name).open("wb") as stream:
            stream.truncate(MOST_BYTES + 1)
    with pytest.raises(AnnotationError, match="bytes are more than"):
        read_catalogue(tmp_path / "a.csv", CatalogueColumns())
    with pytest.raises(AnnotationError, match="bytes are more than"):
        AnnotationFile(tmp_path / "a.txt", Findings()).lines()


def test_one_text_does_not_lengthen_all() -> None:
    file = Path("a.csv")
    check_widths(file, "path", ["a" * 4000] * 1000)
    check_widths(file, "path", ["abc.jpg"] * 100_000 + ["a" * 160])
    with pytest.raises(AnnotationError, match="has 4,000 letters"):
        check_widths(file, "path", ["abc.jpg"] * 100_000 + ["a" * 4000])


@pytest.mark.promise("catalogue-bounds")
@pytest.mark.parametrize("line", [b"x", b""])
def test_millions_of_short_lines_are_one_problem(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "list_attr_img.txt"
    file.write_bytes(b"9\nimage_name labels\n" + (line + b"\n") * 5_000_000 + b"y")
    start = time.monotonic()
    with pytest.raises(AnnotationError, match="lines"):
        attribute_matrix.read_attribute_matrix(
            AnnotationFile(file, Findings(keep_going=True)), 1000
        )
    assert time.monotonic() - start < 5


def test_many_names_of_a_type_take_no_square_of_time(tmp_path: Path) -> None:
    file = tmp_path / "list_attr_cloth.txt"
    rows = [f"n{number} {number % 5 + 1}" for number in range(200_000)]
    file.write_text("\n".join(["200000", "attribute_name attribute_type", *rows, ""]))
    start = time.monotonic()
    classes = deepfashion.read_classes(file, Findings())
    assert time.monotonic() - start < 10
    assert classes.taxonomy.num_classes == 200_000


@pytest.mark.parametrize(
    "line", ["1 " * 500_000 + "x", ("1" + " " * 1000) * 500 + "x", " " * 10**6]
)
def test_no_line_makes_a_pattern_go_back_and_forth(tmp_path: Path, line: str) -> None:
    file = tmp_path / "label_train.txt"
    file.write_text(line)
    start = time.monotonic()
    with pytest.raises(M3NetError):
        read_label_lines(AnnotationFile(file, Findings()), several=True)
    assert time.monotonic() - start < 5
