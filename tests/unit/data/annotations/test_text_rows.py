"""Rows of cells: each wrong row is named once, by its line in the file, and left out."""

from pathlib import Path

import pytest

from m3net.data.annotations.annotation_file import AnnotationFile
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.text_rows import TextRows
from m3net.errors import AnnotationError

CELLS = [
    ["a.jpg", "1"],
    ["b.jpg", "2"],
    ["a.jpg", "1"],
    ["a.jpg", "3"],
    ["../c.jpg", "1"],
    ["", "1"],
    ["d.jpg"],
]


def rows_of(findings: Findings) -> TextRows:
    file = AnnotationFile(Path("box.txt"), findings)
    return TextRows.of_cells(file, dict(enumerate(CELLS, 3)), ("path", "x1"))


def test_lines_count_from_the_first_row_and_ragged_ones_are_left_out() -> None:
    findings = Findings(keep_going=True)
    rows = rows_of(findings)
    assert rows.table.index.tolist() == [3, 4, 5, 6, 7, 8]
    assert [str(problem) for problem in findings.problems] == [
        "box.txt, row 9: 1 cell instead of 2. Write path, x1."
    ]


def test_paths_that_lead_nowhere_good() -> None:
    findings = Findings(keep_going=True)
    rows = rows_of(findings)
    rows.refuse_paths()
    assert rows.table.index.tolist() == [3, 4, 5, 6]
    assert "row 7: column 'path' holds '../c.jpg'" in str(findings.problems[1])
    assert "(2 rows: 7, 8)" in str(findings.problems[1])


def test_a_row_that_contradicts_an_earlier_one_is_refused_and_a_repeated_one_is_not() -> None:
    findings = Findings(keep_going=True)
    rows = rows_of(findings)
    rows.refuse_contradictions()
    assert rows.table.index.tolist() == [3, 4, 5, 7, 8]
    assert "row 6: column 'path' holds 'a.jpg': listed before with other cells" in str(
        findings.problems[1]
    )


def test_the_first_problem_stops() -> None:
    with pytest.raises(AnnotationError, match="row 9"):
        rows_of(Findings())


def test_no_rows_at_all() -> None:
    findings = Findings()
    rows = TextRows.of_cells(AnnotationFile(Path("box.txt"), findings), {}, ("path", "x1"))
    rows.refuse_paths()
    rows.refuse_contradictions()
    assert rows.table.empty
