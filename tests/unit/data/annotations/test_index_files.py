"""Index files against what was written into them, in every dress that text comes in."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from m3net.data.annotations import darn, fashionai
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.index_files import Evaluated, read_evaluation, read_train
from m3net.data.records import Records, Role
from m3net.data.taxonomy import Attribute, Taxonomy
from m3net.errors import AnnotationError
from tests.support.fake.darn import CLASSES as DARN_CLASSES
from tests.support.fake.darn import write_index as write_darn
from tests.support.fake.fashionai import CLASSES as FASHIONAI_CLASSES
from tests.support.fake.fashionai import write_index as write_fashionai

TAXONOMY = Taxonomy((Attribute("collar", ("a", "b")), Attribute("sleeve", ("x", "y", "z"))))
FILES = {
    "filenames_train.txt": ["img/a b.jpg", "img/b.jpg", "img/c.jpg"],
    "label_train.txt": ["2 1 2 0 1", "0 1 0"],
    "filenames_valid.txt": ["img/d.jpg", "img/e.jpg"],
    "query_valid.txt": ["1 1 2"],
    "candidate_valid.txt": ["0 0 1"],
}
DRESSES: dict[str, Callable[[list[str]], bytes]] = {
    "LF": lambda lines: "".join(f"{line}\n" for line in lines).encode(),
    "CRLF": lambda lines: "".join(f"{line}\r\n" for line in lines).encode(),
    "no end of the last line": lambda lines: "\n".join(lines).encode(),
    "trailing tabs": lambda lines: "".join(f"{line}\t\t\t\r\n" for line in lines).encode(),
    "padding": lambda lines: "".join(f"  {line:<40}\n" for line in lines).encode(),
    "byte order mark": lambda lines: "\n".join(lines).encode("utf-8-sig"),
    "blank lines at the end": lambda lines: "\n".join([*lines, "", " ", ""]).encode(),
}


def summary(records: Records) -> list[tuple[str, int, tuple[int, ...], list[int]]]:
    """Give path, row, classes and roles of each image."""
    images = [records[place] for place in range(len(records))]
    roles = records.roles.tolist()
    return [
        (image.path, image.row, image.class_ids, own)
        for image, own in zip(images, roles, strict=True)
    ]


@pytest.mark.parametrize("dress", DRESSES.values(), ids=DRESSES)
def test_a_case_worked_by_hand(tmp_path: Path, dress: Callable[[list[str]], bytes]) -> None:
    for name, lines in FILES.items():
        (tmp_path / name).write_bytes(dress(lines))
    findings = Findings()
    train = read_train(tmp_path, TAXONOMY, findings)
    assert summary(train) == [("img/a b.jpg", 1, (2,), [0, 0]), ("img/c.jpg", 3, (1, 4), [0, 0])]
    assert train.annotated.tolist() == [[False, True], [True, True]]
    assert findings.notes == ["filenames_train.txt: 1 images without a label are left out"]
    val = read_evaluation(tmp_path, "val", TAXONOMY, findings)
    assert summary(val) == [
        ("img/d.jpg", 1, (1,), [Role.GALLERY, 0]),
        ("img/e.jpg", 2, (4,), [0, Role.QUERY]),
    ]
    assert val[1].listed == f"{tmp_path / 'filenames_valid.txt'}, row 2"


def test_an_image_that_is_listed_twice_stays_twice_and_is_noted(tmp_path: Path) -> None:
    for name, lines in FILES.items():
        (tmp_path / name).write_bytes("\n".join(lines).encode())
    (tmp_path / "filenames_valid.txt").write_text("img/d.jpg\nimg/d.jpg\n", encoding="utf-8")
    findings = Findings()
    assert len(read_evaluation(tmp_path, "val", TAXONOMY, findings)) == 2
    assert findings.notes == [
        "filenames_valid.txt: 1 lines name an image that an earlier line names"
    ]


def test_darn_has_several_labels_per_training_image(tmp_path: Path) -> None:
    splits = write_darn(tmp_path)
    first = np.cumsum([0, *DARN_CLASSES.values()])
    findings = Findings()
    records = read_train(tmp_path, darn.numbered_taxonomy(), findings)
    assert records.paths.tolist() == [photo.path for photo in splits["train"]]
    assert max(len(photo.labels) for photo in splits["train"]) > 2
    for place, photo in enumerate(splits["train"]):
        record = records[place]
        assert record.class_ids == tuple(sorted(first[a] + v for a, v in photo.labels))
        assert record.annotated == tuple(sorted(a for a, _ in photo.labels))
    assert not records.roles.any()
    assert findings.notes == []


@pytest.mark.parametrize("split", get_args(Evaluated))
def test_fashionai_asks_for_every_third_image_of_an_attribute(
    tmp_path: Path, split: Evaluated
) -> None:
    splits = write_fashionai(tmp_path)
    names = list(FASHIONAI_CLASSES)
    first = np.cumsum([0, *FASHIONAI_CLASSES.values()])
    records = read_evaluation(tmp_path, split, fashionai.TAXONOMY, Findings())
    suffix = {"val": "valid", "test": "test"}[split]
    lines = (tmp_path / f"query_{suffix}.txt").read_text(encoding="utf-8").splitlines()
    asked = {int(line.split()[0]) for line in lines}
    assert len(asked) * 3 == len(records)
    for place, photo in enumerate(splits[split]):
        own = names.index(photo.attribute)
        roles = [0] * len(names)
        roles[own] = Role.QUERY if place in asked else Role.GALLERY
        expected = (photo.path, place + 1, (first[own] + photo.value,), roles)
        assert summary(records.select(np.array([place]))) == [expected]


def test_all_problems_of_a_split_are_found_at_once(tmp_path: Path) -> None:
    for name, lines in FILES.items():
        (tmp_path / name).write_bytes("\n".join(lines).encode())
    (tmp_path / "query_valid.txt").write_text("1 1 2\n9 0 0\n1 7 0\n1 0\n", encoding="utf-8")
    findings = Findings(keep_going=True)
    val = read_evaluation(tmp_path, "val", TAXONOMY, findings)
    assert [image[2] for image in summary(val)] == [(1,), (4,)]
    rows = [str(problem).split("query_valid.txt, row ")[1][0] for problem in findings.problems]
    assert rows == ["4", "2", "3"]
    with pytest.raises(AnnotationError, match=r"query_valid\.txt, row 4"):
        read_evaluation(tmp_path, "val", TAXONOMY, Findings())
