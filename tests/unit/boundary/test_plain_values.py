"""YAML and JSON as plain values; what grows beyond its bytes is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from m3net.boundary.plain_values import read_json, read_yaml
from m3net.boundary.regular_file import ExcessError, read_bytes
from tests.support.hostile.run_bombs import json_bombs, yaml_bombs

REFUSALS = (ValueError, TypeError, RecursionError, yaml.YAMLError)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.text(st.characters(codec="ascii")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab"), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:  # noqa: ANN401
    file = tmp_path_factory.getbasetemp() / "plain.txt"
    file.write_text(yaml.safe_dump(value), encoding="utf-8")
    assert read_yaml(file) == value
    file.write_text(json.dumps(value), encoding="utf-8")
    assert read_json(file) == value


def test_aliases_are_written_out(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: &x [1, 2]\nb: *x\nc: {<<: {d: 3}, e: *x}\n", encoding="utf-8")
    assert read_yaml(file) == {"a": [1, 2], "b": [1, 2], "c": {"d": 3, "e": [1, 2]}}


@pytest.mark.promise("run-bounds")
@pytest.mark.parametrize("name", yaml_bombs())
def test_bombs_of_yaml_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.yaml").write_bytes(yaml_bombs()[name])
    with pytest.raises(REFUSALS):
        read_yaml(tmp_path / "a.yaml")


@pytest.mark.promise("run-bounds")
@pytest.mark.parametrize(
    "name",
    [own for own in json_bombs() if own not in ("other kinds", "no mapping", "a large exponent")],
)
def test_bombs_of_json_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.json").write_bytes(json_bombs()[name])
    with pytest.raises(REFUSALS):
        read_json(tmp_path / "a.json")


@pytest.mark.promise("run-bounds")
def test_a_file_is_read_up_to_its_greatest_size_and_a_device_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert read_bytes(tmp_path / "a", most=3) == b"abc"
    with pytest.raises(ExcessError, match="3 bytes are more than the 2"):
        read_bytes(tmp_path / "a", most=2)
    with pytest.raises(ExcessError, match="no regular file"):
        read_bytes(Path("/dev/zero"), most=2)
