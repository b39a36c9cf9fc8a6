"""DARN's attributes, and names for their classes."""

import json
from pathlib import Path

import pytest

from m3net.data.annotations.darn import numbered_taxonomy, read_names
from m3net.errors import AnnotationError, DatasetNotFoundError
from tests.support.fake.darn import CLASSES

LENGTHS = ["long", "medium", "short", "mini", "midi", "maxi", "knee"]


def write(folder: Path, content: object) -> Path:
    file = folder / "names.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def test_attributes_and_sizes() -> None:
    taxonomy = numbered_taxonomy()
    assert dict(zip(taxonomy.names, taxonomy.sizes, strict=True)) == CLASSES
    assert taxonomy.attributes[3].classes == ("0", "1", "2", "3", "4", "5", "6")
    assert not any(attribute.multi_label for attribute in taxonomy)


def test_names_of_some_attributes(tmp_path: Path) -> None:
    named = read_names(write(tmp_path, {"clothes length": LENGTHS}))
    numbered = numbered_taxonomy()
    assert named.attributes[3].classes == tuple(LENGTHS)
    assert named.attributes[:3] == numbered.attributes[:3]
    assert named.attributes[4:] == numbered.attributes[4:]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([LENGTHS], "no object of lists"),
        ({"hem": LENGTHS}, "unknown attribute 'hem'"),
        ({"clothes length": LENGTHS[:-1]}, "'clothes length' does not have 7 distinct names"),
        ({"clothes length": [*LENGTHS[:-1], "long"]}, "7 distinct names"),
        ({"clothes length": [*LENGTHS[:-1], 3]}, "7 distinct names"),
        ({"clothes length": "lengths"}, "7 distinct names"),
        ({"clothes length": None}, "7 distinct names"),
    ],
)
def test_names_that_do_not_fit(tmp_path: Path, content: object, told: str) -> None:
    with pytest.raises(AnnotationError, match=r"names\.json: .*Write one ") as caught:
        read_names(write(tmp_path, content))
    assert told in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{\0}\0"])
def test_no_json(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "names.json"
    file.write_bytes(content)
    with pytest.raises(AnnotationError, match=r"names\.json: not JSON"):
        read_names(file)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"names\.json.*data\.names_file"):
        read_names(tmp_path / "names.json")
