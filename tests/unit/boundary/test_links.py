"""Links that lie where something is written are not followed."""

import os
from pathlib import Path

import pytest

from m3net.boundary.links import check_no_link, open_to_append, write_new
from m3net.boundary.regular_file import ExcessError, check_regular, read_bytes


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_replaced_and_not_written_through(tmp_path: Path, there: bool) -> None:
    target, link = tmp_path / "mine.txt", tmp_path / "link"
    if there:
        target.write_bytes(b"old")
    link.symlink_to(target)
    write_new(link, b"new")
    assert link.read_bytes() == b"new"
    assert not link.is_symlink()
    assert target.exists() == there
    assert not there or target.read_bytes() == b"old"


def test_files_are_made_and_appended_to(tmp_path: Path) -> None:
    file = tmp_path / "a"
    for text in (b"one", b"two"):
        with open_to_append(file) as stream:
            stream.write(text)
    assert file.read_bytes() == b"onetwo"
    with open_to_append(file) as stream:
        stream.seek(0)
        assert stream.read() == b"onetwo"


@pytest.mark.parametrize("kind", ["link", "nowhere", "pipe", "device"])
def test_no_link_and_no_pipe_is_appended_to(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "a"
    if kind == "pipe":
        os.mkfifo(file)
    else:
        (tmp_path / "link").write_bytes(b"")
        place = {"link": tmp_path / "link", "nowhere": tmp_path / "no"}.get(kind)
        file.symlink_to(place or "/dev/null")
    with pytest.raises(ExcessError):
        open_to_append(file)
    assert not (tmp_path / "no").exists()


def test_folders_that_are_links_are_named(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    (root / "a").mkdir(parents=True)
    elsewhere.mkdir()
    (root / "a" / "b").symlink_to(elsewhere)
    (tmp_path / "link").symlink_to(root)
    for place in (root, tmp_path / "link"):
        for inner in ("x.jpg", "a/x.jpg", "a/new/x.jpg", "new/x.jpg"):
            check_no_link(place, inner)
        for inner in ("a/b/x.jpg", "a/b/c/d/x.jpg"):
            with pytest.raises(ExcessError, match="a/b is a link"):
                check_no_link(place, inner)


def test_pipes_devices_and_large_files_are_not_read(tmp_path: Path) -> None:
    pipe, large, small = (tmp_path / name for name in ("pipe", "large", "small"))
    os.mkfifo(pipe)
    with large.open("wb") as stream:
        stream.truncate(2**40)
    small.write_bytes(b"abc")
    for file in (pipe, Path("/dev/zero")):
        with pytest.raises(ExcessError, match="no regular file"):
            read_bytes(file, 10)
        with pytest.raises(ExcessError, match="no regular file"):
            check_regular(file)
    with pytest.raises(ExcessError, match="1,099,511,627,776 bytes"):
        read_bytes(large, 10)
    assert read_bytes(small, 3) == read_bytes(small, 2**40) == b"abc"
    assert check_regular(small) == 3
    with pytest.raises(ExcessError, match="3 bytes"):
        read_bytes(small, 2)
