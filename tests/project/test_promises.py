"""Each promise of the threat model is held by a test that cites it, and none is made up."""

import ast
import re

from tests.support.commands import ROOT

TESTS = ROOT / "tests"


def promised() -> set[str]:
    text = (ROOT / "docs" / "hostile.md").read_text(encoding="utf-8")
    return set(re.findall(r"\*\*([a-z]+-?[a-z]+)\*\*", text))


def cited() -> dict[str, list[str]]:
    """For each name the tests that cite it."""
    found: dict[str, list[str]] = {}
    for file in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                continue
            for own in node.decorator_list:
                if isinstance(own, ast.Call) and ast.unparse(own.func) == "pytest.mark.promise":
                    for name in own.args:
                        found.setdefault(ast.literal_eval(name), []).append(node.name)
    return found


def test_each_promise_is_cited_by_a_test() -> None:
    assert len(promised()) > 15
    assert promised() - cited().keys() == set()


def test_no_test_cites_what_is_not_promised() -> None:
    assert cited().keys() - promised() == set()
