"""A fixed part of `make fuzz`, and files that its full runs found."""

import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from m3net.data.photos.reader import read_image
from m3net.errors import ImageReadError
from tests.campaigns.fuzz.__main__ import fuzz
from tests.campaigns.fuzz.target import Target
from tests.campaigns.fuzz.targets import targets

CASES = 40


def number_of_cases(target: Target) -> int:
    """Some, of those that take milliseconds, and few of the others."""
    slow = ("compare: config", "hostile: checkpoint bombs", "hostile: settings bombs")
    if target.name in slow:
        return 4
    return 12 if target.drawn is not None else CASES


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> list[Target]:
    return targets(tmp_path_factory.mktemp("fuzz"))


def test_broken_files_are_read_or_refused_in_one_sentence(
    readers: list[Target], capfd: pytest.CaptureFixture[str]
) -> None:
    found = {own.name: fuzz(own, 0, number_of_cases(own)) for own in readers}
    assert [name for name, counts in found.items() if counts["failed"]] == [], capfd.readouterr()
    assert sum(counts["read"] for counts in found.values()) > CASES, "some are whole enough"
    assert all(counts["refused"] for counts in found.values())


def test_whole_files_are_read(readers: list[Target]) -> None:
    for own in readers:
        for content in own.corpus:
            own.file.write_bytes(content)
            own.read(own.file)


def test_the_same_seed_breaks_files_in_the_same_way(tmp_path: Path) -> None:
    def files(seed: int) -> list[bytes]:
        given: list[bytes] = []
        corpus = [bytes(range(200)), b"a,b\n1,2\n"]
        own = Target(
            "own", 1, tmp_path / "case", corpus, lambda file: given.append(file.read_bytes())
        )
        assert fuzz(own, seed, 100)["read"] == len(given) == 100
        return given

    assert files(3) == files(3)
    assert len({*files(3), *files(4)}) > 120


@pytest.mark.parametrize("fault", [ValueError("x"), SystemExit(), ImageReadError("no file named")])
def test_what_a_reader_must_not_do_is_reported_with_a_small_file_and_how_to_do_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: BaseException
) -> None:
    def read(file: Path) -> None:
        if b"[" in file.read_bytes():
            raise fault

    own = Target("own reader", 1, tmp_path / "case", [bytes(50)], read)
    counts = fuzz(own, 7, 1000)
    assert counts["failed"] == 1
    said = capsys.readouterr().err
    assert f"{type(fault).__name__}" in said
    again = re.search(r"The file is (.*)\. Again: python -m tests.campaigns.fuzz (.*)", said)
    assert again is not None
    kept = Path(again[1])
    assert kept.read_bytes().strip(b"\0") == b"[", "one change is enough"
    shutil.rmtree(kept.parent)


def test_a_chunk_that_promises_gigabytes_is_refused_at_once(tmp_path: Path) -> None:
    """OpenCV takes the memory before it looks whether the file is that long."""
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(buffer, "PNG")
    content = bytearray(buffer.getvalue())
    content[33:37] = b"\xab\xff\xff\xff"
    file = tmp_path / "a.png"
    file.write_bytes(content)
    with pytest.raises(ImageReadError, match="the PNG is truncated"):
        read_image(file, None)


def test_a_small_jpeg_that_promises_a_giant_is_refused_by_its_header(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(buffer, "JPEG", progressive=True)
    content = bytearray(buffer.getvalue())
    frame = content.index(b"\xff\xc2") + 5
    content[frame : frame + 4] = (30_000).to_bytes(2, "big") * 2
    file = tmp_path / "a.jpg"
    file.write_bytes(content)
    with pytest.raises(ImageReadError, match="30000 x 30000 are more than 80000000 pixels"):
        read_image(file, None)
