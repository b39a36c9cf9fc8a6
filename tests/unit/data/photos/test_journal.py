import subprocess
import sys
from pathlib import Path

import pytest

from m3net.data.photos.journal import Journal, stamp_of
from m3net.errors import ConfigError


def kept(file: Path) -> dict[str, tuple[int, ...]]:
    with Journal(file, "test") as journal:
        return journal.done


def test_a_later_line_wins_and_names_may_be_anything(tmp_path: Path) -> None:
    file = tmp_path / "new" / "journal"
    names = ["ærmer/1.jpg", 'a "quoted"\nname.png', "bad\udcff.jpg"]
    with Journal(file, "test") as journal:
        assert journal.done == {}
        for number, name in enumerate([*names, names[0]]):
            journal.add(name, (number, 2**62))
    assert kept(file) == {names[0]: (3, 2**62), names[1]: (1, 2**62), names[2]: (2, 2**62)}


@pytest.mark.parametrize("full", [0, 1, 2])
def test_at_every_cut_whole_lines_are_kept_and_more_can_follow(tmp_path: Path, full: int) -> None:
    file = tmp_path / "journal"
    with Journal(file, "test") as journal:
        for number in range(full):
            journal.add(f"{number}.jpg", (number,))
    whole = file.read_bytes()
    with Journal(file, "test") as journal:
        journal.add("torn.jpg", (7,))
    content = file.read_bytes()
    expected = {f"{number}.jpg": (number,) for number in range(full)}
    for cut in range(len(whole) if full else 0, len(content)):
        file.write_bytes(content[:cut])
        with Journal(file, "test") as journal:
            assert journal.done == expected
            journal.add("after.jpg", (1,))
        assert kept(file) == expected | {"after.jpg": (1,)}


def test_each_full_batch_reaches_the_file(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    with Journal(file, "test") as journal:
        for number in range(2 * Journal.BATCH + 5):
            journal.add(str(number), ())
        assert len(file.read_bytes().splitlines()) == 1 + 2 * Journal.BATCH
    assert len(kept(file)) == 2 * Journal.BATCH + 5


def test_two_processes_do_not_write_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    code = "import sys; from m3net.data.photos.journal import *; Journal(Path(sys.argv[1]), 'test')"
    words = [sys.executable, "-c", code, str(file)]
    with Journal(file, "test") as journal:
        journal.add("a.jpg", (1,))
        done = subprocess.run(words, capture_output=True, text=True)
    assert f"ConfigError: another process writes {file}: wait until it ends" in done.stderr
    assert kept(file) == {"a.jpg": (1,)}
    assert subprocess.run(words).returncode == 0


@pytest.mark.parametrize(
    "content", [b"image,sleeve\na.jpg,long\n", b"{}", b'{"journal": "other"}\n']
)
def test_another_file_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"table\.csv is not the journal"):
        Journal(file, "test")
    assert file.read_bytes() == content


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "journal"
    with Journal(file, "test") as journal:
        journal.add("a.jpg", (1,))
    file.write_bytes(file.read_bytes() + bytes(20) + b"\n")
    with pytest.raises(ConfigError, match="line 3: the journal is damaged"):
        Journal(file, "test")


def test_a_journal_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot open the journal"):
        Journal(tmp_path, "test")


def test_a_stamp_tells_size_and_time(tmp_path: Path) -> None:
    file = tmp_path / "a"
    assert stamp_of(file) is None
    file.write_bytes(b"123")
    assert stamp_of(file) == (3, file.stat().st_mtime_ns)
