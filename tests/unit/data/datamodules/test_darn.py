"""DARN as batches, against what was written; many of its images cannot be had any more."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from m3net.data.annotations.findings import Findings
from m3net.data.datamodules import DARNDataModule, LoadingConfig
from m3net.data.records import Records, Role
from m3net.errors import AnnotationError
from tests.support.fake.darn import CLASSES, Photo, write_index

LOADING = LoadingConfig(image_size=32, batch_size=16, num_workers=0, augmentation="none")


def opened(root: Path, **given: Any) -> DARNDataModule:  # noqa: ANN401
    """Open files that do not claim to be the published ones."""
    settings: dict[str, Any] = {"published": False, "loading": LOADING} | given
    return DARNDataModule(str(root), **settings)


@pytest.fixture
def written(tmp_path: Path) -> dict[str, list[Photo]]:
    return write_index(tmp_path, per_attribute=9)


def lose(root: Path, photos: list[Photo], places: list[int]) -> list[str]:
    """Delete some images, and give their paths."""
    paths = [photos[place].path for place in places]
    for path in paths:
        (root / path).unlink()
    return paths


def asked(root: Path, split: str) -> set[int]:
    """Give the indices of the query file."""
    file = root / f"query_{'valid' if split == 'val' else split}.txt"
    return {int(line.split()[0]) for line in file.read_text(encoding="utf-8").splitlines()}


@pytest.mark.parametrize("name", ["train", "val", "test"])
def test_batches_hold_what_was_written(
    tmp_path: Path, written: dict[str, list[Photo]], name: str
) -> None:
    module = opened(tmp_path)
    photos, first = written[name], np.cumsum([0, *CLASSES.values()])
    queries = asked(tmp_path, name) if name != "train" else set()
    records: Records = getattr(module.contents.splits, name)
    assert records.paths.tolist() == [photo.path for photo in photos]
    for batch in getattr(module, f"{name}_dataloader")():
        for place, index in enumerate(batch["index"].tolist()):
            labels = sorted(photos[index].labels)
            carried = batch["targets"][place].nonzero().flatten().tolist()
            assert carried == [first[a] + v for a, v in labels]
            assert batch["annotated"][place].nonzero().flatten().tolist() == [a for a, _ in labels]
            role = Role.QUERY if index in queries else Role.GALLERY
            expected = [0] * len(CLASSES)
            if name != "train":
                expected[labels[0][0]] = role
            assert batch["roles"][place].tolist() == expected


def test_class_counts_count_the_training_labels(
    tmp_path: Path, written: dict[str, list[Photo]]
) -> None:
    found = opened(tmp_path).class_counts()
    every = [(a, value) for a, size in enumerate(CLASSES.values()) for value in range(size)]
    labels = [photo.labels for photo in written["train"]]
    assert list(found.positives) == [sum(pair in own for own in labels) for pair in every]
    assert list(found.annotated) == [sum(a in dict(own) for own in labels) for a, _ in every]


def test_missing_images_are_an_error_with_count_and_remedy(
    tmp_path: Path, written: dict[str, list[Photo]]
) -> None:
    lost = lose(tmp_path, written["train"], [4, 7]) + lose(tmp_path, written["test"], [1])
    with pytest.raises(AnnotationError) as caught:
        _ = opened(tmp_path).contents
    told = str(caught.value)
    assert f"filenames_train.txt, row 5: no image {lost[0]!r} in {tmp_path}" in told
    assert "(2 rows: 5, 8)" in told
    assert "1 images of other files" in told
    assert "leave them out by data.missing=drop" in told


def test_missing_images_can_be_left_out_everywhere(
    tmp_path: Path, written: dict[str, list[Photo]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "m3net")
    queries = asked(tmp_path, "test")
    places = {"train": [0, 5], "test": [min(queries), max(set(range(81)) - queries)]}
    for name, own in places.items():
        lose(tmp_path, written[name], own)
    module = opened(tmp_path, missing="drop")
    for name, part in module.contents.splits.named().items():
        kept = [p for place, p in enumerate(written[name]) if place not in places.get(name, [])]
        assert part.paths.tolist() == [photo.path for photo in kept]
        assert np.diff(part.offsets).tolist() == [len(photo.labels) for photo in kept]
    roles = module.contents.splits.test.roles
    assert (roles == Role.QUERY).sum() == len(queries) - 1
    assert (roles == Role.GALLERY).sum() == 81 - len(queries) - 1
    left_out = "images are missing and left out"
    assert f"train: 2 {left_out}, 0 queries and 0 gallery images among them" in caplog.messages
    assert f"test: 2 {left_out}, 1 queries and 1 gallery images among them" in caplog.messages
    assert not [message for message in caplog.messages if message.startswith("val: 0")]
    batches = [*module.test_dataloader()]
    assert sum(len(batch["index"]) for batch in batches) == 79


def test_nothing_missing_is_nothing_reported(
    tmp_path: Path, written: dict[str, list[Photo]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "m3net")
    kept = opened(tmp_path, missing="drop").contents.splits.train
    assert len(kept) == len(written["train"])
    assert not [message for message in caplog.messages if "left out" in message]


def test_published_counts_are_named_beside_those_found(
    tmp_path: Path, written: dict[str, list[Photo]]
) -> None:
    with pytest.raises(AnnotationError) as caught:
        _ = DARNDataModule(str(tmp_path)).contents
    assert f"DARN val: {len(written['val'])} images" in str(caught.value)
    assert "published files have 21,461" in str(caught.value)


def test_names_of_classes(tmp_path: Path, written: dict[str, list[Photo]]) -> None:
    file = tmp_path / "names.json"
    names = ["long", "medium", "short", "mini", "midi", "maxi", "knee"]
    file.write_text(json.dumps({"clothes length": names}), encoding="utf-8")
    named, numbered = opened(tmp_path, names_file=str(file)).contents, opened(tmp_path).contents
    assert named.taxonomy.attributes[3].classes == tuple(names)
    assert named.splits.train.class_ids.tolist() == numbered.splits.train.class_ids.tolist()
    assert len(written["train"]) == len(named.splits.train)


def test_wrong_names_do_not_hide_other_problems(
    tmp_path: Path, written: dict[str, list[Photo]]
) -> None:
    file = tmp_path / "names.json"
    file.write_text("[]", encoding="utf-8")
    (tmp_path / "query_test.txt").unlink()
    findings = Findings(keep_going=True)
    splits = opened(tmp_path, names_file=str(file)).read(findings).splits
    assert [str(p).split(":")[0] for p in findings.problems] == [
        str(file),
        "annotation file not found",
    ]
    assert len(splits.train) == len(written["train"])
    assert len(splits.test) == 0
