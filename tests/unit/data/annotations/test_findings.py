"""One problem stops, or all are collected; nothing else is caught."""

import pytest

from m3net.data.annotations.findings import Findings
from m3net.errors import AnnotationError, M3NetError


def test_the_first_problem_stops_with_its_own_kind() -> None:
    findings = Findings()
    with pytest.raises(AnnotationError, match="one"), findings.part():
        findings.problem(AnnotationError("one"))
    assert findings.problems == []


def test_a_part_that_fails_does_not_stop_the_next() -> None:
    findings = Findings(keep_going=True)

    def read(name: str) -> None:
        findings.problem(M3NetError(f"{name} row"))
        raise M3NetError(f"{name} file")

    for name in ("train", "val"):
        with findings.part():
            read(name)
    told = [str(problem) for problem in findings.problems]
    assert told == ["train row", "train file", "val row", "val file"]


def test_a_bug_is_no_finding() -> None:
    with pytest.raises(ZeroDivisionError), Findings(keep_going=True).part():
        _ = 1 // 0
