"""FashionAI as batches, against what was written, and its division of the raw files."""

from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from m3net.data.annotations.findings import Findings
from m3net.data.datamodules import FashionAIDataModule, LoadingConfig
from m3net.data.records import Records, Role
from m3net.errors import AnnotationError, ConfigError, DatasetNotFoundError, ImageReadError
from tests.support.fake.fashionai import CLASSES, FOLDERS, Photo, write_index, write_raw

LOADING = LoadingConfig(image_size=64, batch_size=16, num_workers=0, augmentation="none")
TEST_FOLDER = "fashionAI_attributes_test"


def opened(root: Path, **given: Any) -> FashionAIDataModule:  # noqa: ANN401
    """Open files that do not claim to be the published ones."""
    settings: dict[str, Any] = {"published": False, "loading": LOADING} | given
    return FashionAIDataModule(str(root), **settings)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fashionai")


@pytest.fixture(scope="module")
def written(root: Path) -> dict[str, list[Photo]]:
    return write_index(root, per_class=3)


@pytest.mark.parametrize("name", ["train", "val", "test"])
def test_batches_hold_what_was_written(
    root: Path, written: dict[str, list[Photo]], name: str
) -> None:
    module = opened(root)
    records: Records = getattr(module.contents.splits, name)
    photos = written[name]
    assert records.paths.tolist() == [photo.path for photo in photos]
    attributes, first = list(CLASSES), np.cumsum([0, *CLASSES.values()])
    seen = 0
    for batch in getattr(module, f"{name}_dataloader")():
        for place, index in enumerate(batch["index"].tolist()):
            photo = photos[index]
            own = attributes.index(photo.attribute)
            assert batch["targets"][place].nonzero().tolist() == [[first[own] + photo.value]]
            assert batch["annotated"][place].nonzero().tolist() == [[own]]
            role = {int(Role.NONE)} if name == "train" else {int(Role.QUERY), int(Role.GALLERY)}
            assert int(batch["roles"][place, own]) in role
            assert batch["roles"][place].count_nonzero() == (name != "train")
            seen += 1
    drops = len(photos) % 16 if name == "train" else 0
    assert len(photos) - drops <= seen <= len(photos)


def test_pixels_are_those_of_the_file(root: Path, written: dict[str, list[Photo]]) -> None:
    photo = written["val"][0]
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert cv2.imwrite(str(root / photo.path), pixels)
    batch = next(iter(opened(root).val_dataloader()))
    with Image.open(root / photo.path) as image:
        expected = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    difference = (batch["image"][0].int() - expected.int()).abs()
    assert difference.max() <= 2  # Pillow and OpenCV may decode JPEG with other roundings.


def test_annotations_may_lie_apart(
    root: Path, written: dict[str, list[Photo]], tmp_path: Path
) -> None:
    for file in root.glob("*.txt"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    module = opened(root, annotations=str(tmp_path))
    assert len(module.contents.splits.test) == len(written["test"])
    with pytest.raises(DatasetNotFoundError, match=r"filenames_train\.txt.*data\.annotations"):
        _ = opened(root, annotations=str(root / FOLDERS[0])).contents


def test_published_counts_are_named_beside_those_found(
    root: Path, written: dict[str, list[Photo]]
) -> None:
    module = FashionAIDataModule(str(root))
    number = len(written["train"])
    with pytest.raises(AnnotationError) as caught:
        _ = module.contents
    assert f"FashionAI train: {number} images" in str(caught.value)
    assert "published files have 144,335" in str(caught.value)
    findings = Findings(keep_going=True)
    module.read(findings)
    told = [str(problem) for problem in findings.problems]
    assert len(told) == 3 + 2 * 2 * len(CLASSES)
    queries = sum(photo.attribute == "neckline_design" for photo in written["test"]) // 3
    difference = f"{queries} queries of neckline_design, but the published files have 703"
    assert [one for one in told if one.startswith(f"FashionAI test: {difference}")]


def test_raw_files_are_divided_eight_to_one_to_one_in_each_class(tmp_path: Path) -> None:
    photos = {photo.path: photo for photo in write_raw(tmp_path, per_class=10)}
    splits = opened(tmp_path, layout="raw").read(Findings()).splits
    parts = splits.named()
    assert sorted(path for part in parts.values() for path in part.paths.tolist()) == sorted(photos)
    for part, share in zip(parts.values(), (8, 1, 1), strict=True):
        found = [photos[path] for path in part.paths.tolist()]
        classes = Counter((photo.attribute, photo.value) for photo in found)
        assert len(classes) == 54
        assert set(classes.values()) == {share}


def test_of_raw_files_each_class_has_its_share_of_queries(tmp_path: Path) -> None:
    photos = {photo.path: photo for photo in write_raw(tmp_path, per_class=20)}
    module = opened(tmp_path, layout="raw", fractions=(0.5, 0.25, 0.25))
    for part in (module.contents.splits.val, module.contents.splits.test):
        asked = part.roles.max(axis=1) == Role.QUERY
        own = [photos[path] for path in part.paths[asked].tolist()]
        classes = Counter((photo.attribute, photo.value) for photo in own)
        assert set(classes.values()) == {1}
        assert len(classes) == 54
        assert len(part) == 5 * 54
        assert part.roles.astype(bool).tolist() == part.annotated.tolist()


def test_test_folders_are_the_test_split(tmp_path: Path) -> None:
    photos = write_raw(tmp_path, per_class=9, folders=(*FOLDERS, TEST_FOLDER))
    module = opened(tmp_path, layout="raw", test_folders=(TEST_FOLDER,), query_fraction=0.5)
    splits = module.read(Findings()).splits
    expected = {photo.path for photo in photos if photo.path.startswith(TEST_FOLDER)}
    assert set(splits.test.paths.tolist()) == expected
    others = {photo.path: photo for photo in photos if photo.path not in expected}
    assert {*splits.train.paths.tolist(), *splits.val.paths.tolist()} == {*others}
    shares = Counter((photo.attribute, photo.value) for photo in others.values())
    for path, count in Counter(
        (others[path].attribute, others[path].value) for path in splits.train.paths.tolist()
    ).items():
        assert abs(count - shares[path] * 8 / 9) <= 0.5


def test_a_test_folder_that_is_not_there(tmp_path: Path) -> None:
    write_raw(tmp_path, per_class=1)
    with pytest.raises(ConfigError, match=r"names 'none'.*fashionAI_attributes_train2"):
        _ = opened(tmp_path, layout="raw", test_folders=("none",)).contents


def test_images_with_a_second_class_are_dropped_from_all_splits(tmp_path: Path) -> None:
    photos = write_raw(tmp_path, per_class=10)
    findings = Findings()
    splits = opened(tmp_path, layout="raw", maybe="drop").read(findings).splits
    found = [path for part in splits.named().values() for path in part.paths.tolist()]
    assert sorted(found) == sorted(photo.path for photo in photos if "m" not in photo.marks)
    assert len(findings.notes) == 2


@pytest.mark.parametrize("given", [{"maybe": "drop"}, {"test_folders": ("x",)}])
def test_settings_of_the_raw_layout_need_it(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"data\.layout=raw"):
        FashionAIDataModule(**given)


def test_a_placeholder_that_is_no_jpeg_is_refused(
    root: Path, written: dict[str, list[Photo]]
) -> None:
    contents = opened(root).contents
    record = contents.splits.test[3]
    file = root / written["test"][3].path
    before = file.read_bytes()
    Image.new("RGB", (40, 40)).save(file, format="PNG")
    with pytest.raises(ImageReadError, match=r"filenames_test\.txt, row 4\): it holds PNG"):
        contents.reader(record)
    file.write_bytes(before)
    assert contents.reader(record).shape[2] == 3
