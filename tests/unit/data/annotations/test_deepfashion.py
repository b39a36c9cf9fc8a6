"""DeepFashion's own files and its index files against what was written into them."""

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from m3net.data.annotations.deepfashion import (
    SIZES,
    Classes,
    numbered_classes,
    read_all,
    read_classes,
    read_labels,
)
from m3net.data.annotations.deepfashion_tables import find_file, read_boxes, read_partition
from m3net.data.annotations.findings import Findings
from m3net.data.annotations.index_files import Evaluated, read_evaluation, read_train
from m3net.data.records import Records, Role
from m3net.errors import AnnotationError, DatasetNotFoundError
from tests.support.fake.deepfashion import TYPES, Fake, Photo, write_deepfashion


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deepfashion")


@pytest.fixture(scope="module")
def fake(root: Path) -> Fake:
    return write_deepfashion(root)


@pytest.fixture(scope="module")
def classes(root: Path, fake: Fake) -> Classes:
    assert fake.names
    return read_classes(root / "Anno" / "list_attr_cloth.txt", Findings())


def class_ids(fake: Fake, rows: Iterable[int]) -> tuple[int, ...]:
    """Number the classes of some rows: type after type, in each by the order of the rows."""
    order = sorted(range(1000), key=lambda row: (fake.types[row], row))
    return tuple(sorted(order.index(row) for row in rows))


def assert_holds(records: Records, photos: list[Photo], fake: Fake) -> None:
    assert records.paths.tolist() == [photo.path for photo in photos]
    for place, photo in enumerate(photos):
        assert records[place].class_ids == class_ids(fake, photo.rows)
        assert records[place].annotated == tuple(sorted({fake.types[row] for row in photo.rows}))


def test_classes(classes: Classes, fake: Fake) -> None:
    assert dict(zip(classes.taxonomy.names, classes.taxonomy.sizes, strict=True)) == TYPES
    assert classes.attribute.tolist() == fake.types
    assert classes.value.tolist() == fake.ranks
    for row, name in enumerate(fake.names):
        attribute = classes.taxonomy.attributes[fake.types[row]]
        assert attribute.classes[fake.ranks[row]] == name
        assert attribute.multi_label
    assert any(" " in name.removesuffix(f" {row}") for row, name in enumerate(fake.names))


def test_numbered_classes_count_within_their_type() -> None:
    classes = numbered_classes()
    assert classes.taxonomy.sizes == tuple(TYPES.values()) == tuple(SIZES.values())
    assert classes.value.tolist() == [value for size in TYPES.values() for value in range(size)]


def test_a_name_that_its_type_has_already_gets_its_row(tmp_path: Path) -> None:
    file = tmp_path / "list_attr_cloth.txt"
    rows = ["red dot  1", "lace 2", "red dot 1", "red dot 3", "a 4", "b 5"]
    file.write_text("\n".join(["6", "attribute_name attribute_type", *rows]), encoding="utf-8")
    findings = Findings()
    classes = read_classes(file, findings)
    assert classes.taxonomy.attributes[0].classes == ("red dot", "red dot (5)")
    assert classes.taxonomy.attributes[2].classes == ("red dot",)
    assert classes.value.tolist() == [0, 0, 1, 0, 0, 0]
    [note] = findings.notes
    assert "row 5: 'red dot' again" in note


def test_a_wrong_class_stops_even_where_all_problems_are_wanted(tmp_path: Path) -> None:
    """Without its row, all others would have other numbers."""
    file = tmp_path / "list_attr_cloth.txt"
    rows = ["dot 1", "lace two", "a 3", "b 4", "c 5"]
    file.write_text("\n".join(["5", "attribute_name attribute_type", *rows]), encoding="utf-8")
    with pytest.raises(AnnotationError, match="row 4: column 'type' holds 'two'"):
        read_classes(file, Findings(keep_going=True))


def test_all_images_of_the_download(root: Path, fake: Fake, classes: Classes) -> None:
    findings = Findings()
    records = read_all(root, classes, findings)
    labelled = [photo for photo in fake.photos if photo.rows]
    assert_holds(records, labelled, fake)
    bare = len(fake.photos) - len(labelled)
    assert findings.notes == [f"list_attr_img.txt: {bare} images without a label are left out"]
    lines = (root / "Anno" / "list_attr_img.txt").read_text(encoding="utf-8").splitlines()
    for place in range(len(records)):
        assert lines[records[place].row - 1].startswith(f"{records[place].path} ")


@pytest.mark.parametrize("split", get_args(Evaluated))
def test_by_label_every_label_asks(
    root: Path, fake: Fake, classes: Classes, split: Evaluated
) -> None:
    records = read_labels(root, split, classes, Findings())
    assert_holds(records, fake.of(split), fake)
    both = int(Role.QUERY | Role.GALLERY)
    assert records.roles.tolist() == (records.annotated * both).tolist()


@pytest.mark.parametrize("split", get_args(Evaluated))
def test_by_image_one_label_asks(
    root: Path, fake: Fake, classes: Classes, split: Evaluated
) -> None:
    records = read_evaluation(root, split, classes.taxonomy, Findings())
    first = np.cumsum([0, *TYPES.values()])
    for index, attribute, value in fake.triples[split]:
        assert records[index].path == fake.of(split)[index].path
        assert records[index].class_ids == (first[attribute] + value,)
        role = Role.QUERY if index in fake.asked[split] else Role.GALLERY
        assert records.roles[index].tolist() == [role * (attribute == kind) for kind in range(5)]


def test_the_training_list(root: Path, fake: Fake, classes: Classes) -> None:
    assert_holds(read_train(root, classes.taxonomy, Findings()), fake.of("train"), fake)


def test_the_partition(root: Path, fake: Fake) -> None:
    expected = {photo.path: photo.split for photo in fake.photos}
    assert read_partition(root, Findings()) == expected


def test_boxes_in_the_order_that_is_asked_for(root: Path, fake: Fake) -> None:
    photos = fake.photos[::-3]
    boxes = read_boxes(root, [photo.path for photo in photos], Findings())
    assert boxes.dtype == np.int32
    assert boxes.tolist() == [list(photo.box) for photo in photos]
    assert read_boxes(root, [], Findings()).shape == (0, 4)


@pytest.mark.parametrize("folder", ["", "Anno", "Anno_coarse", "Eval"])
def test_a_file_is_found_where_the_download_or_the_user_put_it(tmp_path: Path, folder: str) -> None:
    path = tmp_path / folder / "list_bbox.txt"
    path.parent.mkdir(exist_ok=True)
    path.touch()
    assert find_file(tmp_path, path.name, Findings()).path == path


def test_a_file_is_nowhere(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"list_bbox\.txt.*data\.annotations"):
        find_file(tmp_path, "list_bbox.txt", Findings())


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["utf-8", "utf-8-sig"])
def test_tables_in_the_dress_of_other_systems(tmp_path: Path, end: str, mark: str) -> None:
    rows = ["2", "image_name  evaluation_status", "img/a.jpg   train \t", "  img/b.jpg\ttest"]
    (tmp_path / "list_eval_partition.txt").write_bytes(end.join(rows).encode(mark))
    expected = {"img/a.jpg": "train", "img/b.jpg": "test"}
    assert read_partition(tmp_path, Findings()) == expected
