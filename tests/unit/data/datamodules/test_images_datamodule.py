"""Photos without labels as batches."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from m3net.data.datamodules import ImagesDataModule, LoadingConfig
from m3net.errors import ConfigError, DatasetNotFoundError, ImageReadError

LOADING = LoadingConfig(image_size=16, batch_size=2, num_workers=0)
NAMES = ("a.png", "b/c.png", "b/d/ærme.png", "e.png", "f.png")


class Share(ImagesDataModule):
    """The photos as one of several processes sees them."""

    def __init__(self, images: Path, place: tuple[int, int]) -> None:
        super().__init__(str(images), LOADING)
        self.place = place

    def rank(self) -> tuple[int, int]:
        return self.place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pictures, each of one shade of grey, and a file that is none."""
    for shade, name in enumerate(NAMES):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((16, 16, 3), 10 * shade, dtype=np.uint8)).save(tmp_path / name)
    (tmp_path / "notes.md").write_text("no photo", encoding="utf-8")
    return tmp_path


def shades(module: ImagesDataModule) -> dict[int, int]:
    """Which shade of grey stands at which place."""
    module.setup("predict")
    return {
        index: int(image[0, 0, 0]) // 10
        for batch in module.predict_dataloader()
        for index, image in zip(batch["index"].tolist(), batch["image"], strict=True)
    }


def test_a_folder_is_searched_in_order(folder: Path) -> None:
    module = ImagesDataModule(str(folder), LOADING)
    assert shades(module) == {i: i for i in range(5)}
    assert module.records.paths.tolist() == [str(folder / name) for name in NAMES]


def test_a_list_keeps_its_own_order(folder: Path) -> None:
    listed = folder / "photos.txt"
    listed.write_text("\n".join(reversed(NAMES)), encoding="utf-8")
    assert shades(ImagesDataModule(str(listed), LOADING)) == {i: 4 - i for i in range(5)}


def test_one_photo_is_a_batch(folder: Path) -> None:
    assert shades(ImagesDataModule(str(folder / "b" / "c.png"), LOADING)) == {0: 1}


@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
def test_processes_share_the_photos(folder: Path, world_size: int) -> None:
    parts = [shades(Share(folder, (rank, world_size))) for rank in range(world_size)]
    assert sum(map(len, parts)) == 5
    assert {i: s for part in parts for i, s in part.items()} == {i: i for i in range(5)}


def test_more_processes_than_photos_are_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="5 images, fewer than the 6"):
        Share(folder, (0, 6)).setup("predict")


def test_batches_know_of_no_label(folder: Path) -> None:
    module = ImagesDataModule(str(folder), LOADING)
    module.setup("predict")
    batch = next(iter(module.predict_dataloader()))
    assert batch["image"].dtype == torch.uint8
    for name in ("targets", "annotated", "roles"):
        assert batch[name].shape == (2, 0)
    assert module.class_counts() is None


def test_a_missing_place_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="nowhere"):
        ImagesDataModule(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_photo_is_named(folder: Path, workers: int) -> None:
    (folder / "b" / "c.png").write_bytes(b"no photo")
    module = ImagesDataModule(str(folder), LoadingConfig(batch_size=2, num_workers=workers))
    module.setup("predict")
    with pytest.raises(ImageReadError) as error:
        list(module.predict_dataloader())
    assert str(error.value).startswith(f"cannot read image {folder / 'b' / 'c.png'}")
