"""Which images a folder, a list or a path means."""

from pathlib import Path

import pytest

from m3net.data.photos.listing import list_images
from m3net.errors import AnnotationError, ConfigError, DatasetNotFoundError
from tests.support.photo_files import write


def test_images_of_a_folder(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "über/c.webp", "notes.txt", "über/products.csv"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.touch()
    expected = [str(tmp_path / name) for name in ("a.png", "b.JPG", "über/c.webp")]
    assert list_images(tmp_path) == expected
    assert list_images(tmp_path / "a.png") == expected[:1]


def test_images_of_a_list(tmp_path: Path) -> None:
    text = "\ufeffb.jpg\r\n\r\n über/c.webp \r\n/photos/a.jpg\r\n"
    file = write(tmp_path, text.encode(), "list.txt")
    assert list_images(file) == [
        str(tmp_path / "b.jpg"),
        str(tmp_path / "über/c.webp"),
        "/photos/a.jpg",
    ]


def test_sources_without_images(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"none.*data\.images"):
        list_images(tmp_path / "none")
    with pytest.raises(AnnotationError, match=r"list\.txt: it lists no path"):
        list_images(write(tmp_path, b"\n \n", "list.txt"))
    with pytest.raises(AnnotationError, match=r"list\.txt: not UTF-8"):
        list_images(write(tmp_path, b"\xe9.jpg", "list.txt"))
    with pytest.raises(ConfigError, match="holds no image"):
        list_images(tmp_path)
