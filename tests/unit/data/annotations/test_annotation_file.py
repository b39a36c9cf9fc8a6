"""Text as editors and other systems leave it, read as what it means; lines keep their numbers."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m3net.data.annotations.annotation_file import AnnotationFile
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.image_paths import OUTSIDE
from m3net.data.annotations.index_files import read_label_lines
from m3net.errors import AnnotationError, DatasetNotFoundError

LINES = ["img/a b.jpg", "img/é.jpg", "3 1 4"]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["bare", "byte order mark"])
@pytest.mark.parametrize("last", ["", "\n", "\n\n  \n"], ids=["no end", "end", "blank lines"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_line_ends_and_byte_order_marks(tmp_path: Path, end: str, last: str, mark: bytes) -> None:
    file = tmp_path / "lines.txt"
    file.write_bytes(mark + end.join(LINES).encode() + last.replace("\n", end).encode())
    assert AnnotationFile(file, Findings()).lines() == LINES


def test_only_line_feeds_end_a_line(tmp_path: Path) -> None:
    """Python's own splitlines knows ten more ends, and would shift all indices."""
    file = tmp_path / "lines.txt"
    file.write_text("a\x0bb\x0cc\x1dd\u2028e\nf\n", encoding="utf-8")
    assert len(AnnotationFile(file, Findings()).lines()) == 2


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (b"a\nb\r", 2),
        (b"a\rb\rc\r", 1),
        (b"a\nb\0\n", 2),
        (b"a\n\nb\n", 2),
        (b"a\nb\n\xff\n", 3),
        ("a\nb\n".encode("utf-16"), 1),
        (b"\xef\xbb\xbfa\nb\n\xff\n", 3),
    ],
)
def test_the_row_of_what_is_no_text_is_named(tmp_path: Path, content: bytes, row: int) -> None:
    file = tmp_path / "lines.txt"
    file.write_bytes(content)
    with pytest.raises(AnnotationError, match=rf"lines\.txt, row {row}: "):
        AnnotationFile(file, Findings()).lines()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"none\.txt.*data\.annotations"):
        AnnotationFile(tmp_path / "none.txt", Findings()).lines()


@pytest.mark.parametrize(
    ("path", "leaves"),
    [
        ("img/a.jpg", False),
        ("img/..a/b..jpg", False),
        ("...", False),
        ("a:b.jpg", True),
        ("/img/a.jpg", True),
        ("\\\\server\\a.jpg", True),
        ("C:\\a.jpg", True),
        ("..", True),
        ("../a.jpg", True),
        ("img/../../a.jpg", True),
        ("img\\..\\a.jpg", True),
        ("img/..", True),
    ],
)
def test_paths_that_leave_the_root(path: str, leaves: bool) -> None:
    assert bool(re.search(OUTSIDE, path)) == leaves


def test_a_wrong_path_keeps_its_line(tmp_path: Path) -> None:
    file = tmp_path / "names.txt"
    file.write_text("a.jpg \n../b.jpg\nc d.jpg\n/e.jpg\n", encoding="utf-8")
    findings = Findings(keep_going=True)
    assert AnnotationFile(file, findings).paths() == ["a.jpg", "", "c d.jpg", ""]
    [problem] = findings.problems
    assert "row 2: path '../b.jpg' leaves the image root (2 rows: 2, 4)" in str(problem)


NUMBERS = st.lists(st.integers(0, 999_999_999), min_size=1, max_size=6)
BLANKS = st.sampled_from([" ", "\t", "  ", " \t "])


@given(rows=st.lists(NUMBERS, min_size=1, max_size=8), blank=BLANKS, padding=st.booleans())
def test_numbers_come_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[int]], blank: str, padding: bool
) -> None:
    file = tmp_path_factory.getbasetemp() / "numbers.txt"
    lines = [blank * padding + blank.join(map(str, row)) + blank * padding for row in rows]
    file.write_text("\r\n".join(lines), encoding="utf-8")
    found = AnnotationFile(file, Findings()).numbers()
    assert found == dict(enumerate(rows, 1))


@pytest.mark.parametrize("line", ["1 -2 3", "1 2.0 3", "1,2,3", "1 2 x", "1 2 1234567890", "1 ٣ 2"])
def test_a_row_of_anything_else_is_left_out_and_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "numbers.txt"
    file.write_text(f"0 1 2\n{line}\n5 6 7\n", encoding="utf-8")
    findings = Findings(keep_going=True)
    labels = read_label_lines(AnnotationFile(file, findings), several=False)
    columns = (labels.rows, labels.image, labels.attribute, labels.value)
    assert np.stack(columns, axis=1).tolist() == [[1, 0, 1, 2], [3, 5, 6, 7]]
    [problem] = findings.problems
    assert f"row 2: {line!r} is not a row of whole numbers" in str(problem)
    with pytest.raises(AnnotationError, match="row 2"):
        read_label_lines(AnnotationFile(file, Findings()), several=False)
