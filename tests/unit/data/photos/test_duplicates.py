"""Photos with the same bytes under several names."""

import os
from pathlib import Path

from m3net.data.photos.duplicates import find_duplicates


def test_the_same_bytes_are_found_whatever_the_name(tmp_path: Path) -> None:
    start, end = b"s" * 10_000, b"e" * 5_000
    contents = {
        "a.jpg": start + end,
        "tops/b.png": start + end,
        "other_start.jpg": b"t" * 10_000 + end,
        "other_end.jpg": start + b"f" * 5_000,
        "short.jpg": b"1",
        "short.gif": b"1",
        "alone.jpg": b"23",
    }
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "pipe.jpg")
    found = find_duplicates(tmp_path, [*contents, "a.jpg", "missing.jpg", "pipe.jpg", "zero\0"])
    assert found == [["a.jpg", "tops/b.png"], ["short.gif", "short.jpg"]]
