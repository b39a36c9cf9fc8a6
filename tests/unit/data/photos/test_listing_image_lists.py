"""Which images a folder, a list or a path means."""

import os
import socket
from pathlib import Path

import pytest
from PIL import Image, features

from m3net.data.photos.formats import FORMAT_OF_SUFFIX, format_of
from m3net.data.photos.listing import list_images
from m3net.data.photos.reader import read_image
from m3net.errors import AnnotationError, ConfigError, DatasetNotFoundError, ImageReadError
from m3net.serving.photos import read_photos
from tests.support.photo_files import encode, write


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


def test_linked_folders_are_searched_and_loops_end(tmp_path: Path) -> None:
    """A catalogue reads what its paths name, through links as well."""
    root, shelf = tmp_path / "root", tmp_path / "shelf"
    for folder in (root / "tops", shelf):
        folder.mkdir(parents=True)
        (folder / "a.jpg").touch()
    (root / "linked").symlink_to(shelf)
    (root / "tops" / "again").symlink_to(shelf)
    (shelf / "back").symlink_to(root)
    (root / "self").symlink_to(root)
    expected = ["linked/a.jpg", "tops/a.jpg", "tops/again/a.jpg"]
    assert list_images(root) == [str(root / name) for name in expected]


def test_every_format_that_can_be_decoded_is_listed(tmp_path: Path) -> None:
    picture = Image.new("RGB", (8, 8), "red")
    for suffix, form in FORMAT_OF_SUFFIX.items():
        if form == "avif" and not features.check("avif"):
            continue
        kind = {"jp2": "JPEG2000", "pnm": "PPM"}.get(form, form.upper())
        file = write(tmp_path, encode(picture, kind), f"a{suffix.upper()}")
        assert list_images(tmp_path) == [str(file)]
        assert read_image(file, None).shape == (8, 8, 3)
        assert format_of(file.read_bytes()) == form
        file.unlink()


def test_images_that_cannot_be_decoded_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.jpg", "b.HEIC", "c.heic", "d.dng", "notes.txt"):
        (tmp_path / name).touch()
    assert list_images(tmp_path) == [str(tmp_path / "a.jpg")]
    assert "left out: 1 .dng, 2 .heic" in caplog.text


def test_names_that_no_table_can_hold(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    write(tmp_path, encode(Image.new("RGB", (8, 8)), "JPEG"), "a.jpg")
    file = write(tmp_path, encode(Image.new("RGB", (8, 8)), "JPEG"), name)
    for source, count in ((tmp_path, "1 of 2"), (file, "1 of 1")):
        with pytest.raises(
            ConfigError, match=rf"{count} file names .* as .*caf\\udce9\.jpg: rename"
        ):
            list_images(source)
    with pytest.raises(ImageReadError, match=r"caf\\udce9\.jpg is not UTF-8: rename"):
        list(read_photos(tmp_path))
    assert read_image(file, None).shape == (8, 8, 3)


@pytest.mark.promise("photo-bounds")
def test_a_pipe_or_socket_is_no_list(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "list")
    with pytest.raises(AnnotationError, match="no regular file"):
        list_images(tmp_path / "list")
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(tmp_path / "socket"))
        with pytest.raises(AnnotationError, match="socket: No such device"):
            list_images(tmp_path / "socket")
