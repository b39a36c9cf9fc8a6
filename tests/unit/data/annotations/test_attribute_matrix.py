"""The largest file against a parser that looks at each word."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3net.data.annotations.annotation_file import AnnotationFile
from m3net.data.annotations.attribute_matrix import AttributeMatrix, read_attribute_matrix
from m3net.data.annotations.findings import Findings
from m3net.errors import AnnotationError, DatasetNotFoundError

WIDTH = 4
HEAD = "image_name  attribute_labels"


class Naive(NamedTuple):
    """Good rows with their yeses, and the lines of the others."""

    good: list[tuple[int, str, list[int]]]
    bad: list[int]


def naive(text: str) -> Naive:
    good, bad = [], []
    for number, line in enumerate(text.rstrip().split("\n")[2:], 3):
        path, *values = line.split() or [""]
        if len(values) == WIDTH and set(values) <= {"1", "-1", "0"}:
            good.append((number, path, [k for k, value in enumerate(values) if value == "1"]))
        else:
            bad.append(number)
    return Naive(good, bad)


def unfolded(matrix: AttributeMatrix) -> list[tuple[int, str, list[int]]]:
    return [
        (row, path, matrix.column[matrix.image == place].tolist())
        for place, (row, path) in enumerate(zip(matrix.rows.tolist(), matrix.paths, strict=True))
    ]


def read(folder: Path, text: str, findings: Findings) -> AttributeMatrix:
    file = folder / "list_attr_img.txt"
    file.write_bytes(text.encode())
    return read_attribute_matrix(AnnotationFile(file, findings), WIDTH)


def text_of(rows: list[str], end: str = "\n") -> str:
    return end.join([str(len(rows)), HEAD, *rows]) + end


ROWS = ["img/a.jpg   1 -1  0  1 ", "1.jpg -1 -1 -1 -1", "1 1 1 1 1", "img/é.jpg\t0\t1\t-1\t0\t\t"]


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("last", ["", "\n", "\n\n\n", "   \n \n"])
def test_line_ends_and_the_end_of_the_file(tmp_path: Path, end: str, last: str) -> None:
    text = text_of(ROWS, end).rstrip("\r\n") + last.replace("\n", end)
    expected = naive(text)
    assert len(expected.good) == len(ROWS)
    assert unfolded(read(tmp_path, text, Findings())) == expected.good


PATHS = st.sampled_from(["img/a.jpg", "1", "-1", "0.jpg", "é", "2-1", "11"])
RIGHT = st.sampled_from(["1", "-1", "0"])
WORDS = ["2", "-2", "11", "1-1", "-1-1", "-", "--1", "+1", "-0", "01", "x", "1.0"]
WRONG = st.sampled_from(WORDS)
BLANK = st.sampled_from([" ", "  ", "\t", " \t"])


@st.composite
def lines(draw: st.DrawFn) -> str:
    """Write a row, right in most cases."""
    value = RIGHT if draw(st.integers(0, 4)) else RIGHT | WRONG
    number = WIDTH if draw(st.integers(0, 4)) else draw(st.integers(0, WIDTH + 2))
    words = [draw(PATHS), *(draw(value) for _ in range(number))]
    text = "".join(word + draw(BLANK) for word in words)
    return draw(st.sampled_from([text, text.rstrip(), f" {text}", f"{text}\r"]))


@given(rows=st.lists(lines(), min_size=1, max_size=8))
def test_it_reads_and_refuses_what_the_naive_parser_does(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str]
) -> None:
    text = text_of(rows)
    expected, findings = naive(text), Findings(keep_going=True)
    matrix = read(tmp_path_factory.getbasetemp(), text, findings)
    assert unfolded(matrix) == expected.good
    assert bool(findings.problems) == bool(expected.bad)
    if expected.bad:
        first = min(int(str(p).split(", row ")[1].split(":")[0]) for p in findings.problems)
        assert first == expected.bad[0]


@pytest.mark.parametrize("place", range(WIDTH))
@pytest.mark.parametrize("word", WORDS)
def test_each_wrong_word_is_refused_in_each_column(tmp_path: Path, word: str, place: int) -> None:
    values = ["1", "-1", "0", "1"]
    values[place] = word
    with pytest.raises(AnnotationError, match="row 4: a value is not 1, -1 or 0"):
        read(tmp_path, text_of(["1.jpg 1 1 1 1", f"b.jpg {' '.join(values)}"]), Findings())


def test_blank_lines_between_rows_count(tmp_path: Path) -> None:
    text = text_of([ROWS[0], "", "", ROWS[1], "  ", ROWS[2]])
    expected = naive(text)
    assert [row for row, _, _ in expected.good] == [3, 6, 8]
    findings = Findings(keep_going=True)
    assert unfolded(read(tmp_path, text, findings)) == expected.good
    [problem] = findings.problems
    assert "row 4: 0 values (3 rows: 4, 5, 7)" in str(problem)


def test_a_line_of_any_length_is_not_read_whole(tmp_path: Path) -> None:
    text = text_of([ROWS[0], "a.jpg" + " 1" * 100_000])
    with pytest.raises(AnnotationError, match=r"row 4: it has 65,664 bytes or more"):
        read(tmp_path, text, Findings())


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("a.jpg 1 -1 0", "row 4: 3 values"),
        ("a.jpg 1 -1 0 1 1", "row 4: 5 values"),
        ("a.jpg 1 -1 0 -2", "row 4: a value is not 1, -1 or 0"),
        ("a.jpg 1 -1 0 \0", "row 4: a value is not 1, -1 or 0"),
        ("a\0.jpg 1 -1 0 0", "row 4: its path holds a zero byte"),
        ("", "row 4: 0 values"),
    ],
)
def test_each_wrong_row_is_named_once(tmp_path: Path, row: str, told: str) -> None:
    findings = Findings(keep_going=True)
    text = text_of(["a.jpg 1 1 1 1", row, "c.jpg 0 0 0 0"])
    matrix = read(tmp_path, text, findings)
    assert matrix.rows.tolist() == [3, 5]
    [problem] = findings.problems
    assert told in str(problem)
    assert str(problem).endswith("Write a path and 4 values of 1, -1 or 0.")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "list_attr_img.txt"
    file.write_bytes(text_of(["a.jpg 1 1 1 1", "é.jpg 1 1 1 1"]).encode("latin-1"))
    with pytest.raises(AnnotationError, match="row 4: its path is not UTF-8"):
        read_attribute_matrix(AnnotationFile(file, Findings()), WIDTH)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "row 1: '' is not the number of rows"),
        (f"{HEAD}\na.jpg 1 1 1 1\n", f"row 1: {HEAD!r} is not the number"),
        ("1\na.jpg 1 1 1 1\n", "row 2: it does not name the columns"),
        ("1\n", "row 2: it does not name the columns"),
        (f"2\n{HEAD}\na.jpg 1 1 1 1\n", "row 1: it promises 2 rows, but 1 follow"),
        (f"0\n{HEAD}\na.jpg 1 1 1 1\n", "row 1: it promises 0 rows, but 1 follow"),
    ],
)
def test_heads_that_are_wrong(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        read(tmp_path, text, Findings())
    assert told in str(caught.value)


def test_a_byte_order_mark_before_the_count(tmp_path: Path) -> None:
    assert len(read(tmp_path, "\ufeff" + text_of(ROWS), Findings()).paths) == len(ROWS)


def test_a_file_without_rows_has_none(tmp_path: Path) -> None:
    matrix = read(tmp_path, f"0\n{HEAD}\n", Findings())
    assert matrix.paths == []
    assert matrix.column.dtype == np.int64


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"data\.annotations"):
        read_attribute_matrix(AnnotationFile(tmp_path / "none.txt", Findings()), WIDTH)
