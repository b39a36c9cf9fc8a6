"""Photos, journals and folders of copies that somebody made to do harm."""

import io
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from m3net.data.photos.journal import Journal
from m3net.data.photos.preparation import CopySettings, Preparation
from m3net.data.photos.reader import MAX_BYTES, read_image
from m3net.errors import ConfigError, ImageReadError
from tests.support.bombs import journal_bombs, jpeg_bombs


@pytest.mark.promise("photo-bounds")
def test_scans_are_counted_before_they_are_decoded(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    for content in jpeg_bombs().values():
        file.write_bytes(content)
        start = time.monotonic()
        with pytest.raises(ImageReadError, match=r"has 20\d\d scans"):
            read_image(file, None)
        assert time.monotonic() - start < 2


def test_what_looks_like_scans_does_no_harm(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    looks = b"\xff\xda" * 100
    Image.fromarray(pixels).save(buffer, "JPEG", progressive=True, comment=looks)
    whole = buffer.getvalue()
    file = tmp_path / "a.jpg"
    # Phones put films behind the end.
    file.write_bytes(whole + looks)
    shown = np.asarray(Image.open(io.BytesIO(whole)))
    assert np.array_equal(read_image(file, None), shown)


@pytest.mark.promise("photo-bounds")
def test_a_photo_is_a_regular_file_of_some_size(tmp_path: Path) -> None:
    pipe, large = tmp_path / "pipe.jpg", tmp_path / "large.jpg"
    os.mkfifo(pipe)
    with large.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    for file, problem in ((pipe, "regular"), (large, "bytes are more"), (tmp_path, "directory")):
        with pytest.raises(ImageReadError, match=problem):
            read_image(file, None)
    with pytest.raises(ImageReadError, match="regular"):
        read_image("/dev/zero", None)


@pytest.mark.promise("journal-types")
@pytest.mark.parametrize("name", [*journal_bombs()])
def test_a_line_of_something_else_is_a_damaged_journal(tmp_path: Path, name: str) -> None:
    file = tmp_path / "journal"
    file.write_bytes(journal_bombs()[name])
    with pytest.raises(ConfigError, match="line 2: the journal is damaged"):
        Journal(file, "photos")
    assert file.read_bytes() == journal_bombs()[name]
    # And no other process is kept from it.
    file.unlink()
    Journal(file, "photos").__exit__(None, None, None)


@pytest.mark.promise("journal-types")
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_journal_is_not_written_elsewhere(tmp_path: Path, kind: str) -> None:
    file, mine = tmp_path / "journal", tmp_path / "mine"
    if kind == "link":
        file.symlink_to(mine)
    else:
        os.mkfifo(file)
    with pytest.raises(ConfigError, match="cannot open the journal"):
        Journal(file, "photos")
    assert not mine.exists()


def test_a_journal_of_a_terabyte_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    with file.open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(ConfigError, match="bytes, more than a journal"):
        Journal(file, "photos")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source" / "tops"
    folder.mkdir(parents=True)
    Image.new("RGB", (600, 600)).save(folder / "a.jpg")
    return folder.parent


def prepared(source: Path, target: Path) -> None:
    list(Preparation(source, target, CopySettings()).run(0))


@pytest.mark.promise("journal-types")
def test_copies_do_not_leave_the_target(source: Path, tmp_path: Path) -> None:
    target, elsewhere = tmp_path / "target", tmp_path / "elsewhere"
    prepared(source, target)
    elsewhere.mkdir()
    (elsewhere / "a.jpg").write_bytes(b"mine")
    (target / "tops/a.jpg").unlink()
    (target / "tops").rmdir()
    (target / "tops").symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="tops is a link, which may lead anywhere"):
        prepared(source, target)
    assert (elsewhere / "a.jpg").read_bytes() == b"mine"


@pytest.mark.promise("journal-types")
def test_links_in_the_target_are_replaced(source: Path, tmp_path: Path) -> None:
    target, mine = tmp_path / "target", tmp_path / "mine"
    prepared(source, target)
    copy = (target / "tops/a.jpg").read_bytes()
    mine.write_bytes(b"mine")
    for name in ("tops/a.jpg", "prepared.json"):
        (target / name).unlink()
        (target / name).symlink_to(mine)
    temporary = target / f"tops/.{os.getpid()}.m3net-temporary"
    temporary.symlink_to(mine)
    prepared(source, target)
    assert mine.read_bytes() == b"mine"
    assert (target / "tops/a.jpg").read_bytes() == copy
    assert not (target / "tops/a.jpg").is_symlink()


@pytest.mark.promise("journal-types")
@pytest.mark.parametrize("content", [b"\xff", b"{}" * 10**6])
def test_settings_of_something_else_are_no_settings(
    source: Path, tmp_path: Path, content: bytes
) -> None:
    target = tmp_path / "target"
    prepared(source, target)
    whole = (target / "prepared.json").read_bytes()
    (target / "prepared.json").write_bytes(content)
    prepared(source, target)
    assert (target / "prepared.json").read_bytes() == whole
