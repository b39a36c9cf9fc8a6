"""`m3net synthesize`: a drawn catalogue, and the command that trains on it."""

import shlex
from pathlib import Path

import pandas as pd
from PIL import Image

from tests.support.commands import Command, Refusal


def test_the_catalogue_is_written_and_the_next_command_trains_on_it(
    m3net: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "drawn"
    done = m3net("synthesize", folder, "--num_images=40", "--size=32", "--seed=3")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(folder / "catalogue.csv", dtype=str)
    assert len(table) == 40
    for name in table["image"]:
        with Image.open(folder / name) as image:
            assert (image.size, image.mode) == ((32, 32), "RGB")
    [line] = [line for line in done.stdout.splitlines() if line.startswith("next: m3net train")]
    arguments = shlex.split(line.removeprefix("next: m3net "))
    settings = m3net(*arguments, "--print_config")
    assert settings.returncode == 0, settings.stderr
    assert str(folder / "catalogue.csv") in settings.stdout


def test_equal_seeds_draw_equal_garments(m3net: Command, tmp_path: Path) -> None:
    for name, seed in (("first", 1), ("second", 1), ("other", 2)):
        done = m3net("synthesize", tmp_path / name, "--num_images=6", "--size=32", f"--seed={seed}")
        assert done.returncode == 0, done.stderr
    first, second, other = (
        {file.name: file.read_bytes() for file in (tmp_path / name).rglob("*") if file.is_file()}
        for name in ("first", "second", "other")
    )
    assert first == second
    assert first != other


def test_a_folder_that_holds_files_is_refused(
    m3net: Command, refusal: Refusal, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("kept", encoding="utf-8")
    assert str(tmp_path) in refusal(m3net("synthesize", tmp_path))
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
