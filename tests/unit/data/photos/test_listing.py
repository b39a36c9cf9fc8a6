"""Images that are not there are found all at once, whatever part they belong to."""

import os
from pathlib import Path

import numpy as np
import pytest

from m3net.data.photos.listing import missing_error, missing_images
from m3net.data.records import Records
from m3net.errors import DatasetNotFoundError

PATHS = ["a.jpg", "b.jpg", "c/d.jpg", "c/e.jpg", "f/g/h.jpg"]


def records_of(paths: list[str], first_row: int = 2, file: str = "photos.csv") -> Records:
    none = np.zeros((len(paths), 1), dtype=np.uint8)
    rows = range(first_row, first_row + len(paths))
    return Records.build(paths, rows, [()] * len(paths), none.astype(bool), none, 1, file=file)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    return tmp_path


def test_all_are_there(root: Path) -> None:
    assert missing_images(root, records_of(PATHS)).tolist() == []


def test_those_that_are_not_there_are_named_by_place(root: Path) -> None:
    (root / "b.jpg").unlink()
    (root / "c" / "e.jpg").unlink()
    (root / "c" / "e.jpg").mkdir()  # a folder is no image
    (root / "f" / "g" / "h.jpg").unlink()
    (root / "f" / "g").rmdir()
    found = missing_images(root, records_of([*PATHS, "none/x.jpg", "a.jpg/y.jpg", "A.JPG"]))
    expected = [1, 3, 4, 5, 6] if (root / "A.JPG").exists() else [1, 3, 4, 5, 6, 7]
    assert found.tolist() == expected


def test_a_link_counts_if_it_leads_to_a_file(root: Path) -> None:
    (root / "good.jpg").symlink_to(root / "a.jpg")
    (root / "bad.jpg").symlink_to(root / "nowhere.jpg")
    assert missing_images(root, records_of(["good.jpg", "bad.jpg"])).tolist() == [1]


def test_a_line_of_something_else_is_no_image_and_no_bug(root: Path) -> None:
    """As where a page of a web site was saved in the place of a list."""
    long = "x" * 300
    (root / "round").symlink_to(root / "round")
    paths = [f"<p>{long}</p>", f"{long}/a.jpg", "round/a.jpg", "a.jpg"]
    assert missing_images(root, records_of(paths)).tolist() == [0, 1, 2]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_cannot_be_listed_is_no_missing_image(root: Path) -> None:
    (root / "c").chmod(0o000)
    try:
        with pytest.raises(DatasetNotFoundError, match=r"can be listed.*/c"):
            missing_images(root, records_of(PATHS))
    finally:
        (root / "c").chmod(0o700)


def test_the_folder_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"image root.*data\.root"):
        missing_images(tmp_path / "elsewhere", records_of(PATHS))


def test_one_error_for_parts_and_files(tmp_path: Path) -> None:
    parts = [
        records_of(["x.jpg"], first_row=9),
        records_of([]),
        records_of(["y.jpg", "z.jpg"], first_row=4),
        records_of(["q.jpg"], file="others.csv"),
    ]
    text = str(missing_error(tmp_path, parts, "Fetch them"))
    assert text.startswith(f"photos.csv, row 4: no image 'y.jpg' in {tmp_path}")
    assert "(3 rows: 4, 5, 9)" in text
    assert "1 images of other files" in text
    assert text.endswith("Fetch them.")
