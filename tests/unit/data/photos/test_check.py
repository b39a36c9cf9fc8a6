import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from m3net.data.photos.check import find_unreadable
from m3net.data.photos.journal import Journal
from m3net.data.photos.reader import FileReader
from m3net.data.records import Records
from m3net.errors import ConfigError

SCRIPT = """
import sys
from pathlib import Path

import numpy as np

from m3net.data.photos.check import find_unreadable
from m3net.data.photos.reader import FileReader
from m3net.data.records import Records

if __name__ == "__main__":
    folder, journal = map(Path, sys.argv[1:])
    paths = sorted(file.name for file in folder.iterdir())
    none = np.zeros((len(paths), 0), dtype=np.uint8)
    records = Records.build(paths, range(len(paths)), [()] * len(paths), none, none, 0)
    for found in find_unreadable(records, FileReader(folder), workers=2, journal=journal):
        print(found)
"""


def encode(seed: int, kind: str = "JPEG", size: tuple[int, int] = (40, 30)) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, size=(*size, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    """Eighty photos, of which 7 is missing, 30 cut off, 31 empty, 64 a page and 79 a PNG."""
    folder = tmp_path / "photos"
    folder.mkdir()
    files = [folder / f"{number:03}.jpg" for number in range(80)]
    for number, file in enumerate(files):
        file.write_bytes(encode(number))
    files[7].unlink()
    files[30].write_bytes(files[30].read_bytes()[:-50])
    files[31].write_bytes(b"")
    files[64].write_bytes(b"<html>")
    files[79].write_bytes(encode(79, "PNG"))
    return [str(file) for file in files]


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def listed(photos: list[str]) -> Records:
    """Give records of photos, whose rows are their places in the list."""
    none = np.zeros((len(photos), 0), dtype=np.uint8)
    rows = range(len(photos))
    labels = [()] * len(photos)
    return Records.build(photos, rows, labels, none.astype(bool), none, 0, file="list.txt")


def bad(photos: list[str], journal: Path | None = None, workers: int = 0) -> list[int]:
    """Give the places of the unreadable photos in the list."""
    found = find_unreadable(listed(photos), FileReader(Path()), workers, journal)
    return [record.row for record, _ in found]


def spoil_unseen(file: str) -> None:
    """Replace a file by a broken one that has its size and time: only reading could tell."""
    state = os.stat(file)
    Path(file).write_bytes(bytes(state.st_size))
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_all_bad_images_are_found_in_order(photos: list[str], workers: int) -> None:
    seen: list[int] = []
    reader = FileReader(Path())
    found = list(find_unreadable(listed(photos), reader, workers, progress=seen.append))
    assert [record.path for record, _ in found] == [photos[number] for number in (7, 30, 31, 64)]
    problems = ["No such file", "the JPEG is truncated", "the file is empty", "not an image"]
    for (record, sentence), problem in zip(found, problems, strict=True):
        place = f"{record.path} (list.txt, row {record.row})"
        assert sentence.startswith(f"cannot read image {place}: {problem}")
    assert seen == list(range(1, 81))


def test_another_format_is_bad_where_one_is_asked_for(photos: list[str]) -> None:
    reader = FileReader(Path(), formats=frozenset({"jpeg"}))
    found = [(record.row, text) for record, text in find_unreadable(listed(photos), reader, 2)]
    assert [row for row, _ in found] == [7, 30, 31, 64, 79]
    assert "it holds PNG, not JPEG" in found[-1][1]


def test_boxes_are_read_as_a_training_reads_them(photos: list[str], journal: Path) -> None:
    boxes = np.tile(np.array([[2, 3, 20, 30]], dtype=np.int32), (80, 1))
    boxes[5] = (2, 3, 31, 30)  # the photos are 30 wide
    cropped = replace(listed(photos), boxes=boxes)
    reader = FileReader(Path(), margin=0.1)
    assert bad(photos, journal) == [7, 30, 31, 64]
    found = find_unreadable(cropped, reader, 0, journal)
    assert [record.row for record, _ in found] == [5, 7, 30, 31, 64]


def test_good_images_are_not_read_again(photos: list[str], journal: Path) -> None:
    assert bad(photos, journal, workers=2) == [7, 30, 31, 64]
    spoil_unseen(photos[50])
    assert bad(photos, journal) == [7, 30, 31, 64]
    assert bad(photos) == [7, 30, 31, 50, 64]


def test_changed_and_bad_images_are_read_again(photos: list[str], journal: Path) -> None:
    bad(photos, journal)
    Path(photos[30]).write_bytes(encode(30))
    Path(photos[7]).write_bytes(encode(7))
    Path(photos[10]).write_bytes(b"longer than before" * 1000)
    spoil_unseen(photos[11])
    os.utime(photos[11], ns=(0, 1))
    Path(photos[12]).unlink()
    assert bad(photos, journal) == [10, 11, 12, 31, 64]
    assert bad(photos, journal, workers=2) == [10, 11, 12, 31, 64]


def test_a_path_may_be_given_in_another_way(
    photos: list[str], journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad(photos, journal)
    spoil_unseen(photos[0])
    monkeypatch.chdir(Path(photos[0]).parent)
    names = [Path(path).name for path in photos]
    assert bad(names, journal) == [7, 30, 31, 64]


def test_a_journal_serves_one_question(photos: list[str], journal: Path) -> None:
    bad(photos, journal)
    reader = FileReader(Path(), formats=frozenset({"jpeg"}))
    with pytest.raises(ConfigError, match="is not the journal"):
        list(find_unreadable(listed(photos), reader, 0, journal))


def test_stopped_midway_what_is_done_is_kept(photos: list[str], journal: Path) -> None:
    def stop(number: int) -> None:
        if number == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(find_unreadable(listed(photos), FileReader(Path()), 2, journal, stop))
    spoil_unseen(photos[18])
    spoil_unseen(photos[20])
    assert bad(photos, journal) == [7, 20, 30, 31, 64]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_check_loses_at_most_its_last_batch(
    tmp_path: Path, journal: Path, how: signal.Signals
) -> None:
    folder, script = tmp_path / "photos", tmp_path / "check.py"
    folder.mkdir()
    script.write_text(SCRIPT, encoding="utf-8")
    large = [encode(seed, size=(700, 700)) for seed in range(3)]
    for number in range(400):
        (folder / f"{number:03}.jpg").write_bytes(large[number % 3])
    photos = sorted(str(file) for file in folder.iterdir())
    running = subprocess.Popen(
        [sys.executable, script, folder, journal],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not journal.exists() or journal.read_bytes().count(b"\n") < 1 + Journal.BATCH:
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.005)
    os.killpg(running.pid, how)
    assert running.wait(timeout=60) != 0
    kept = journal.read_bytes().count(b"\n") - 1
    assert Journal.BATCH <= kept < 400
    with journal.open("ab") as file:
        file.write(b'["/torn/line')
    for photo in photos:
        spoil_unseen(photo)
    # All that the journal held is taken for good, all else is read and found to be spoilt.
    assert bad(photos, journal, workers=2) == list(range(kept, 400))
