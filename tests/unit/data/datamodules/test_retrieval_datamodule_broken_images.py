"""Broken and missing images of the three data sets, each named with the row that lists it."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from PIL import Image

from m3net.data.datamodules import (
    DARNDataModule,
    DeepFashionDataModule,
    FashionAIDataModule,
    RetrievalDataModule,
)
from m3net.errors import AnnotationError, DatasetNotFoundError, ImageReadError
from tests.support.fake import darn, deepfashion, fashionai

PLACE = 5


class Shop(NamedTuple):
    """A data set with its images."""

    write: Callable[[Path], object]
    open: Callable[..., RetrievalDataModule]
    folder: str


SHOPS = {
    "fashionai": Shop(
        partial(fashionai.write_index, per_class=3),
        partial(FashionAIDataModule, published=False),
        "fashionAI_attributes_train1",
    ),
    "darn": Shop(darn.write_index, partial(DARNDataModule, published=False), "pic"),
    "deepfashion": Shop(
        deepfashion.write_deepfashion, partial(DeepFashionDataModule, published=False), "img"
    ),
}


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-30])


def write_strip(file: Path) -> None:
    assert cv2.imwrite(str(file), np.zeros((1, 60_000, 3), dtype=np.uint8))


def write_png(file: Path) -> None:
    Image.new("RGB", (40, 40)).save(file, format="PNG")


def write_gif(file: Path) -> None:
    Image.new("RGB", (40, 40)).save(file, format="GIF")


def make_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "zero bytes": (lambda file: file.write_bytes(b""), "the file is empty"),
    "a PNG": (write_png, "it holds PNG, not JPEG"),
    "a GIF": (write_gif, "it holds GIF, not JPEG"),
    "an HTML page": (
        lambda file: file.write_text("<!DOCTYPE html><title>404</title>"),
        "it holds HTML, not JPEG",
    ),
    "a line of text": (lambda file: file.write_text("Not found"), "it is not JPEG"),
    "a truncated JPEG": (truncate, "the JPEG is truncated"),
    "nothing behind the start of a JPEG": (
        lambda file: file.write_bytes(file.read_bytes()[:20]),
        "the JPEG is truncated",
    ),
    "60,000 x 1 pixels": (write_strip, "60000 x 1, one side more than 50 times the other"),
    "a folder": (make_a_folder, "Is a directory"),
    "no file": (lambda file: file.unlink(), "No such file or directory"),
}


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("whole")
    for name, shop in SHOPS.items():
        shop.write(place / name)
    return {name: place / name for name in SHOPS}


@pytest.fixture
def copied(roots: dict[str, Path], tmp_path: Path) -> Callable[[str], RetrievalDataModule]:
    """Give a function that copies a data set, to spoil it, and opens the copy."""

    def copy(name: str) -> RetrievalDataModule:
        shutil.copytree(roots[name], tmp_path, dirs_exist_ok=True)
        return SHOPS[name].open(str(tmp_path))

    return copy


@pytest.mark.parametrize(("spoil", "told"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("name", SHOPS)
def test_an_image_that_turns_out_to_be_broken(
    copied: Callable[[str], RetrievalDataModule],
    tmp_path: Path,
    name: str,
    spoil: Callable[[Path], object],
    told: str,
) -> None:
    contents = copied(name).contents
    record = contents.splits.test[PLACE]
    assert contents.reader(record).ndim == 3
    spoil(tmp_path / record.path)
    with pytest.raises(ImageReadError) as caught:
        contents.reader(record)
    listed = f"{tmp_path / 'filenames_test.txt'}, row {PLACE + 1}"
    start = f"cannot read image {tmp_path / record.path} ({listed}): {told}"
    assert str(caught.value) == f"{start}. Replace the file or take it out of the annotations."


@pytest.mark.parametrize("name", SHOPS)
def test_a_missing_image(
    copied: Callable[[str], RetrievalDataModule], tmp_path: Path, name: str
) -> None:
    module = copied(name)
    list_of_test = tmp_path / "filenames_test.txt"
    path = list_of_test.read_text(encoding="utf-8").splitlines()[PLACE]
    (tmp_path / path).unlink()
    with pytest.raises(AnnotationError) as caught:
        _ = module.contents
    told = str(caught.value)
    assert told.startswith(f"{list_of_test}, row {PLACE + 1}: no image {path!r} in {tmp_path}.")
    assert "Put the images there" in told
    assert "set data.root" in told


@pytest.mark.parametrize("name", SHOPS)
def test_a_missing_folder(
    copied: Callable[[str], RetrievalDataModule], tmp_path: Path, name: str
) -> None:
    module = copied(name)
    shutil.rmtree(tmp_path / SHOPS[name].folder)
    with pytest.raises(AnnotationError, match=r"filenames_train\.txt, row \d+: no image.* rows: "):
        _ = module.contents


@pytest.mark.parametrize("kind", ["missing", "a file"])
@pytest.mark.parametrize("name", SHOPS)
def test_an_image_root_that_is_no_folder(
    roots: dict[str, Path], tmp_path: Path, name: str, kind: str
) -> None:
    root = tmp_path / "images"
    if kind == "a file":
        root.touch()
    module = SHOPS[name].open(str(root), annotations=str(roots[name]))
    with pytest.raises(DatasetNotFoundError, match=r"image root not found: .*data\.root"):
        _ = module.contents
