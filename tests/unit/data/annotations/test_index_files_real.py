"""The published index files themselves, where a folder of them is at hand; each line is parsed."""

import csv
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from m3net.data.annotations import darn, deepfashion, fashionai
from m3net.data.annotations.annotation_file import AnnotationFile
from m3net.data.annotations.deepfashion import Classes, read_labels
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.index_files import read_evaluation, read_label_lines
from m3net.data.annotations.published_counts import Counts, check_counts
from m3net.data.records import Records, Role
from m3net.data.taxonomy import Taxonomy

DATASETS = {
    "FashionAI": (fashionai.TAXONOMY, fashionai.PUBLISHED["val"]),
    "DARN": (darn.numbered_taxonomy(), darn.PUBLISHED["val"]),
    "DeepFashion": (deepfashion.numbered_classes().taxonomy, deepfashion.SINGLE["val"]),
}
Triples = list[tuple[int, int, int]]


@pytest.fixture(scope="module")
def folder() -> Path:
    place = os.environ.get("M3NET_BENCHMARK_INDEX")
    if place is None:
        pytest.skip(
            "M3NET_BENCHMARK_INDEX does not name a folder with FashionAI, DARN, DeepFashion"
        )
    return Path(place)


def numbers(file: Path) -> list[list[int]]:
    return [[int(word) for word in line.split()] for line in file.read_text().splitlines()]


def triples(folder: Path, kind: str) -> Triples:
    return [(i, a, v) for i, a, v in numbers(folder / f"{kind}_valid.txt")]


def listed(records: Records, taxonomy: Taxonomy, role: Role) -> Triples:
    """Give the triples of a role, the long way round."""
    found = []
    for image in range(len(records)):
        for class_id in records[image].class_ids:
            attribute = int(taxonomy.attribute_of_class[class_id])
            if records.roles[image, attribute] == role:
                value = class_id - sum(taxonomy.sizes[:attribute])
                found.append((image, attribute, value))
    return found


@pytest.mark.parametrize("name", DATASETS)
def test_every_line_of_the_lists_is_taken_over(folder: Path, name: str) -> None:
    taxonomy, counts = DATASETS[name]
    findings = Findings()
    records = read_evaluation(folder / name, "val", taxonomy, findings)
    check_counts(name, counts, records, taxonomy, findings)
    lines = (folder / name / "filenames_valid.txt").read_text().splitlines()
    assert records.paths.tolist() == lines
    for role, kind in ((Role.QUERY, "query"), (Role.GALLERY, "candidate")):
        assert listed(records, taxonomy, role) == sorted(triples(folder / name, kind))
    repeated = len(lines) - len(set(lines))
    assert (repeated > 0) == (name == "DeepFashion")
    told = f"filenames_valid.txt: {repeated} lines name an image that an earlier line names"
    assert findings.notes == [told] * (repeated > 0)


@pytest.mark.parametrize("name", DATASETS)
def test_queries_and_candidates_share_no_image_and_leave_none_out(folder: Path, name: str) -> None:
    records = read_evaluation(folder / name, "val", DATASETS[name][0], Findings())
    assert (np.diff(records.offsets) == 1).all()
    assert set(records.roles.sum(axis=1).tolist()) == {int(Role.QUERY), int(Role.GALLERY)}


def test_fashionai_has_the_published_numbers(folder: Path) -> None:
    records = read_evaluation(folder / "FashionAI", "val", fashionai.TAXONOMY, Findings())
    roles = Counter(records.roles.max(axis=1).tolist())
    assert (len(records), roles[Role.QUERY], roles[Role.GALLERY]) == (18_000, 3_600, 14_400)


def test_fashionai_values_are_the_places_of_y(folder: Path) -> None:
    records = read_evaluation(folder / "FashionAI", "val", fashionai.TAXONOMY, Findings())
    with (folder / "FashionAI" / "label_valid.csv").open() as stream:
        rows = list(csv.reader(stream))
    names = [attribute.name for attribute in fashionai.TAXONOMY]
    for image, (path, attribute, marks) in enumerate(rows):
        record = records[image]
        assert record.path.split("/", 1)[1] == path
        own = names.index(attribute.removesuffix("_labels"))
        first = sum(fashionai.TAXONOMY.sizes[:own])
        assert record.class_ids == (first + marks.index("y"),)
        assert record.annotated == (own,)


def test_fashionai_raw_labels_give_the_same(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "part" / "Annotations"
    place.mkdir(parents=True)
    (place / "label.csv").symlink_to(folder / "FashionAI" / "label_valid.csv")
    raw = fashionai.read_raw(tmp_path, ["part"], "keep", Findings())
    records = read_evaluation(folder / "FashionAI", "val", fashionai.TAXONOMY, Findings())
    assert raw.class_ids.tolist() == records.class_ids.tolist()
    assert [path.split("/", 1)[1] for path in raw.paths.tolist()] == [
        path.split("/", 1)[1] for path in records.paths.tolist()
    ]
    findings = Findings()
    certain = fashionai.read_raw(tmp_path, ["part"], "drop", findings)
    text = (folder / "FashionAI" / "label_valid.csv").read_text()
    marks = [line.rsplit(",", 1)[1] for line in text.split()]
    assert len(certain) == sum("m" not in own for own in marks)
    assert f"{len(marks) - len(certain):,} images" in findings.notes[0]


def test_fashionai_training_labels(folder: Path) -> None:
    file = folder / "FashionAI" / "label_train.txt"
    labels = read_label_lines(AnnotationFile(file, Findings()), several=True)
    columns = zip(
        labels.image.tolist(), labels.attribute.tolist(), labels.value.tolist(), strict=True
    )
    assert [list(label) for label in columns] == numbers(file)
    assert len(labels.rows) == fashionai.PUBLISHED["train"].images


def types_of_rows(folder: Path) -> dict[int, int]:
    """Give the type of each row that the label file names; types count from 1."""
    lines = numbers(folder / "DeepFashion" / "label_valid.txt")
    return {
        row: kind for _, *pairs in lines for kind, row in zip(pairs[::2], pairs[1::2], strict=True)
    }


@pytest.fixture(scope="module")
def classes(folder: Path) -> Classes:
    """The classes as list_attr_cloth.txt would give them, by numbers: all rows occur in val."""
    types = types_of_rows(folder)
    assert sorted(types) == list(range(1000))
    attribute = np.array([types[row] - 1 for row in range(1000)])
    value = np.array([(attribute[:row] == attribute[row]).sum() for row in range(1000)])
    return Classes(deepfashion.numbered_classes().taxonomy, attribute, value)


def test_deepfashion_labels(folder: Path, classes: Classes) -> None:
    findings = Findings()
    records = read_labels(folder / "DeepFashion", "val", classes, findings)
    check_counts("val", deepfashion.MULTI["val"], records, classes.taxonomy, findings)
    for image, (index, *pairs) in enumerate(numbers(folder / "DeepFashion" / "label_valid.txt")):
        assert index == image
        rows = pairs[1::2]
        first = [sum(classes.taxonomy.sizes[:own]) for own in classes.attribute[rows]]
        assert records[image].class_ids == tuple(sorted(first + classes.value[rows]))


def test_deepfashion_local_values_are_ranks_within_the_type(folder: Path, classes: Classes) -> None:
    single = read_evaluation(folder / "DeepFashion", "val", classes.taxonomy, Findings())
    multi = read_labels(folder / "DeepFashion", "val", classes, Findings())
    for image in range(len(single)):
        assert set(single[image].class_ids) < {*multi[image].class_ids, -1}


@pytest.mark.parametrize("name", DATASETS)
def test_a_count_that_is_off_is_an_error_with_both_numbers(folder: Path, name: str) -> None:
    taxonomy, counts = DATASETS[name]
    records = read_evaluation(folder / name, "val", taxonomy, Findings())
    assert counts.images is not None
    fewer = records.select(np.arange(1, len(records)))
    findings = Findings(keep_going=True)
    check_counts(f"{name} val", Counts(images=counts.images), fewer, taxonomy, findings)
    [problem] = findings.problems
    assert f"{name} val: {counts.images - 1:,} images" in str(problem)
    assert f"published files have {counts.images:,}" in str(problem)
