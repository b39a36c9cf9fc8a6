"""The competition's own files against the marks that were written into them."""

from pathlib import Path

import numpy as np
import pytest

from m3net.data.annotations.fashionai import TAXONOMY, label_folders, read_raw
from m3net.data.annotations.findings import Findings
from m3net.errors import DatasetNotFoundError
from tests.support.fake.fashionai import CLASSES, FOLDERS, Photo, write_raw


def in_file_order(photos: list[Photo]) -> list[Photo]:
    """Sort by folder, as they are read; within a folder they keep their order."""
    return [photo for folder in FOLDERS for photo in photos if photo.path.startswith(folder)]


def test_attributes_and_sizes() -> None:
    assert dict(zip(TAXONOMY.names, TAXONOMY.sizes, strict=True)) == CLASSES
    assert TAXONOMY.num_classes == 54
    assert {attribute.classes[0] for attribute in TAXONOMY} == {"Invisible"}
    assert not any(attribute.multi_label for attribute in TAXONOMY)


def test_each_image_has_the_class_of_its_y(tmp_path: Path) -> None:
    photos = in_file_order(write_raw(tmp_path, per_class=2))
    records = read_raw(tmp_path, label_folders(tmp_path, Findings()), "keep", Findings())
    names, first = list(CLASSES), np.cumsum([0, *CLASSES.values()])
    assert records.paths.tolist() == [photo.path for photo in photos]
    for place, photo in enumerate(photos):
        own = names.index(photo.attribute)
        assert records[place].class_ids == (first[own] + photo.marks.index("y"),)
        assert records[place].annotated == (own,)


def test_an_image_knows_its_file_and_row(tmp_path: Path) -> None:
    write_raw(tmp_path, per_class=1)
    records = read_raw(tmp_path, FOLDERS, "keep", Findings())
    for place in range(len(records)):
        record = records[place]
        lines = Path(record.file).read_text(encoding="utf-8").splitlines()
        folder = Path(record.file).relative_to(tmp_path).parts[0]
        assert f"{folder}/{lines[record.row - 1].split(',')[0]}" == record.path
    assert len({records[place].file for place in range(len(records))}) == 2


def test_images_with_a_second_class_can_be_dropped(tmp_path: Path) -> None:
    photos = in_file_order(write_raw(tmp_path, per_class=4))
    findings = Findings()
    records = read_raw(tmp_path, FOLDERS, "drop", findings)
    certain = [photo.path for photo in photos if "m" not in photo.marks]
    assert records.paths.tolist() == certain
    assert 0 < len(certain) < len(photos)
    for note, folder in zip(findings.notes, FOLDERS, strict=True):
        own = [photo for photo in photos if photo.path.startswith(folder)]
        dropped = sum("m" in photo.marks for photo in own)
        assert f"{folder}/Annotations/label.csv: {dropped} images with a second class" in note


def test_dropping_keeps_the_rows_of_the_others(tmp_path: Path) -> None:
    write_raw(tmp_path, per_class=4)
    every = read_raw(tmp_path, FOLDERS, "keep", Findings())
    rows = dict(zip(every.paths.tolist(), every.rows.tolist(), strict=True))
    kept = read_raw(tmp_path, FOLDERS, "drop", Findings())
    assert kept.rows.tolist() == [rows[path] for path in kept.paths.tolist()]


def test_a_folder_may_be_the_root_itself(tmp_path: Path) -> None:
    photos = write_raw(tmp_path, per_class=1)
    folder = tmp_path / FOLDERS[0]
    assert label_folders(tmp_path, Findings()) == sorted(FOLDERS)
    assert label_folders(folder, Findings()) == [""]
    records = read_raw(folder, [""], "keep", Findings())
    own = [photo.path for photo in photos if photo.path.startswith(FOLDERS[0])]
    assert [f"{FOLDERS[0]}/{path}" for path in records.paths.tolist()] == own


def test_a_broken_folder_does_not_hide_the_other(tmp_path: Path) -> None:
    photos = write_raw(tmp_path, per_class=1)
    (tmp_path / FOLDERS[0] / "Annotations" / "label.csv").write_bytes(b"\xff")
    findings = Findings(keep_going=True)
    records = read_raw(tmp_path, FOLDERS, "keep", findings)
    assert records.paths.tolist() == [p.path for p in photos if p.path.startswith(FOLDERS[1])]
    assert len(findings.problems) == 1


def test_no_folder_has_labels(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"label\.csv.*data\.annotations"):
        label_folders(tmp_path, Findings())


def test_folders_of_images_alone_are_noted(tmp_path: Path) -> None:
    write_raw(tmp_path, per_class=1)
    (tmp_path / "fashionAI_attributes_test" / "Images").mkdir(parents=True)
    findings = Findings()
    assert label_folders(tmp_path, findings) == sorted(FOLDERS)
    [note] = findings.notes
    assert note.endswith("Annotations/label.csv: fashionAI_attributes_test")
