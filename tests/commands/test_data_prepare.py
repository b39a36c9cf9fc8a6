"""`m3net data prepare`, also killed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.commands import Command, Refusal
from tests.support.zygote import true_starts


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred photos of 800 x 900 pixels, ten of their own and the others links to them."""
    folder = tmp_path_factory.mktemp("photos")
    draw = np.random.default_rng(0)
    for number in range(100):
        file = folder / f"{number // 50}" / f"{number:03}.jpg"
        file.parent.mkdir(exist_ok=True)
        if number < 10:
            pixels = draw.integers(0, 256, size=(225, 200, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((800, 900)).save(file, quality=90)
        else:
            os.link(folder / "0" / f"{number % 10:03}.jpg", file)
    return folder


def start(*words: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "m3net", "data", "prepare", *map(str, words)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def copies(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.jpg"))


def test_all_is_done_and_said(m3net: Command, photos: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    shutil.copytree(photos / "0", source)
    (source / "small.jpg").write_bytes((source / "000.jpg").read_bytes())
    Image.new("RGB", (30, 40)).save(source / "small.jpg")
    words = ("data", "prepare", source, target, "--side=64", "--resize=long", "--workers=2")
    done = m3net(*words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "51 images: 1 copied, 50 resized"
    assert f"--data.root={target}" in done.stdout
    assert {Image.open(file).size for file in copies(target)} == {(57, 64), (30, 40)}
    assert m3net(*words).stdout.splitlines()[0] == "51 images: 51 kept"


def test_unreadable_photos_are_named_and_the_others_done(
    process: Command, photos: Path, tmp_path: Path
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    shutil.copytree(photos / "1", source)
    for number in (60, 70):
        file = source / f"{number:03}.jpg"
        file.write_bytes(file.read_bytes()[:5000])
    done = process("data", "prepare", source, target, "--side=32", "--workers=2", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("m3net: ")]
    assert [f"{source}/060.jpg: the JPEG is truncated" in said[0], len(said)] == [True, 2]
    assert done.stdout.splitlines()[0] == "50 images: 48 resized, 2 unreadable"
    assert len(copies(target)) == 48


def test_killed_at_any_moment_it_leaves_whole_copies_and_goes_on(
    m3net: Command, photos: Path, tmp_path: Path
) -> None:
    target, whole = tmp_path / "target", tmp_path / "whole"
    for least in (1, 40, 80):
        running = start(photos, target, "--side=512", "--workers=2")
        deadline = time.monotonic() + 120
        while len(copies(target)) < least and running.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        for file in copies(target):
            with Image.open(file) as copy:
                copy.load()
                assert copy.size == (512, 576)
    done = m3net("data", "prepare", photos, target, "--side=512", "--workers=0")
    assert done.returncode == 0, done.stderr
    assert " kept, " in done.stdout
    m3net("data", "prepare", photos, whole, "--side=512", "--workers=0")
    assert not [file for file in target.rglob(".*") if file.is_file()]
    found = {str(file.relative_to(target)): file.read_bytes() for file in copies(target)}
    assert found == {str(file.relative_to(whole)): file.read_bytes() for file in copies(whole)}
    assert len(found) == 100


def under_way(photos: Path, target: Path) -> subprocess.Popen[bytes]:
    """Start the command and wait for its first copy."""
    running = start(photos, target, "--side=700", "--workers=2")
    deadline = time.monotonic() + 120
    while not copies(target):
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.01)
    return running


def test_stopped_by_the_user_it_says_so_and_no_more(photos: Path, tmp_path: Path) -> None:
    running = under_way(photos, tmp_path / "target")
    # As a terminal does it: the command and its processes get the signal.
    os.killpg(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert said.decode().endswith("\nm3net: stopped\n")
    assert "Traceback" not in said.decode()


def test_its_processes_end_with_it(photos: Path, tmp_path: Path) -> None:
    with true_starts():  # a forked command has a process for the commands that it starts
        running = under_way(photos, tmp_path / "target")
    listed = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    if not listed.exists():
        running.kill()
        pytest.skip("this system does not list the children of a process")
    children = listed.read_text(encoding="ascii").split()
    assert len(children) == 2
    running.kill()
    running.wait()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{child}/exe").exists() for child in children):
        assert time.monotonic() < deadline, "a process outlives the command"
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--side=0",), "side must be 1 or more"),
        (("--quality=101",), "quality from 1 to 100"),
        (("--workers=-1",), "workers"),
    ],
)
def test_numbers_out_of_range(
    m3net: Command, refusal: Refusal, photos: Path, tmp_path: Path, words: tuple[str], named: str
) -> None:
    assert named in refusal(m3net("data", "prepare", photos, tmp_path / "target", *words))


def test_without_a_command_the_possible_ones_are_named(m3net: Command) -> None:
    done = m3net("data")
    assert done.returncode == 2
    assert "prepare" in done.stderr
