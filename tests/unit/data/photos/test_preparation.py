import io
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from m3net.data.photos.preparation import CopySettings, Preparation, is_prepared
from m3net.errors import ConfigError, DatasetNotFoundError

SETTINGS = CopySettings(side=32)
NAMES = ["a.jpg", "b.JPG", "tops/c.jpeg", "tops/d.png", "tops/ærmer/e.webp"]


def encode(seed: int, kind: str, size: tuple[int, int] = (96, 64)) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, size=(*size, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Five photos of 64 x 96 pixels in three folders, with an annotation file."""
    folder = tmp_path / "source"
    for seed, name in enumerate(NAMES):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        kind = {"png": "PNG", "webp": "WEBP"}.get(name[-3:], "JPEG")
        file.write_bytes(encode(seed, "WEBP" if name.endswith("webp") else kind))
    (folder / "labels.csv").write_text("image\na.jpg\n", encoding="utf-8")
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def prepare(
    source: Path, target: Path, settings: CopySettings = SETTINGS, workers: int = 0
) -> dict[str, str]:
    """Give what happened to each image."""
    preparation = Preparation(source, target, settings)
    outcomes = [outcome.action for outcome in preparation.run(workers)]
    assert len(outcomes) == len(preparation)
    return dict(zip(preparation.paths, outcomes, strict=True))


def contents(folder: Path) -> dict[str, bytes]:
    """Give the bytes of all files but the journal, whose order of lines is no matter."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    found = {str(file.relative_to(folder)): file.read_bytes() for file in files}
    found.pop("prepared.journal")
    return found


def test_copies_have_the_names_of_the_photos(source: Path, target: Path) -> None:
    assert prepare(source, target) == dict.fromkeys(NAMES, "resized")
    assert set(contents(target)) == {*NAMES, "prepared.json"}
    for name in NAMES:
        with Image.open(target / name) as copy:
            assert copy.size == (32, 48)
    written = json.loads((target / "prepared.json").read_text(encoding="utf-8"))
    assert written == {"side": 32, "resize": "short", "quality": 95}


def test_processes_write_the_same(source: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    assert prepare(source, one) == prepare(source, two, workers=2)
    assert contents(one) == contents(two)


def test_what_is_done_is_not_done_again(source: Path, target: Path) -> None:
    prepare(source, target)
    before = {name: (target / name).stat().st_mtime_ns for name in NAMES}
    assert prepare(source, target, workers=2) == dict.fromkeys(NAMES, "kept")
    assert {name: (target / name).stat().st_mtime_ns for name in NAMES} == before


def test_a_changed_photo_is_done_again(source: Path, target: Path) -> None:
    prepare(source, target)
    later, larger, same = source / "a.jpg", source / "b.JPG", source / "tops/c.jpeg"
    later.touch()
    # As if unpacked from an archive: another file with the time of the old one.
    time = larger.stat().st_mtime_ns
    larger.write_bytes(encode(9, "JPEG", (160, 80)))
    os.utime(larger, ns=(time, time))
    os.chmod(same, 0o600)
    done = prepare(source, target)
    assert [name for name in NAMES if done[name] == "resized"] == ["a.jpg", "b.JPG"]
    with Image.open(target / "b.JPG") as copy:
        assert copy.size == (32, 64)


@pytest.mark.parametrize(
    "settings", [CopySettings(16), CopySettings(32, "long"), CopySettings(32, quality=50)]
)
def test_other_settings_do_all_again(
    source: Path, target: Path, tmp_path: Path, settings: CopySettings
) -> None:
    prepare(source, target)
    assert prepare(source, target, settings) == dict.fromkeys(NAMES, "resized")
    prepare(source, tmp_path / "fresh", settings)
    assert contents(target) == contents(tmp_path / "fresh")


def test_stopped_after_a_change_of_settings_nothing_old_is_believed(
    source: Path, target: Path, tmp_path: Path
) -> None:
    prepare(source, target)
    next(Preparation(source, target, CopySettings(16)).run(0))
    prepare(source, target)
    prepare(source, tmp_path / "fresh")
    assert contents(target) == contents(tmp_path / "fresh")


def test_a_spoilt_or_missing_copy_is_made_again(source: Path, target: Path) -> None:
    prepare(source, target)
    before = contents(target)
    (target / "a.jpg").write_bytes(before["a.jpg"][:-100])
    (target / "tops/d.png").unlink()
    assert Counter(prepare(source, target).values()) == {"kept": 3, "resized": 2}
    assert contents(target) == before


def test_leftover_temporaries_are_removed(source: Path, target: Path) -> None:
    target.mkdir()
    # Killed before anything but a part of the settings was written ...
    (target / ".7.m3net-temporary").write_bytes(b"{")
    prepare(source, target)
    before = contents(target)
    # ... or later on, in a folder of photos.
    (target / "tops/.8.m3net-temporary").write_bytes(b"half a photo")
    prepare(source, target)
    assert contents(target) == before


def test_an_unreadable_photo_leaves_no_copy(source: Path, target: Path) -> None:
    prepare(source, target)
    (source / "a.jpg").write_bytes(encode(0, "JPEG")[:-300])
    (source / "tops/c.jpeg").unlink()
    (source / "tops/c.jpeg").symlink_to("nowhere.jpg")
    preparation = Preparation(source, target, SETTINGS)
    notes = {p: o.note for p, o in zip(preparation.paths, preparation.run(2), strict=True)}
    assert f"{source}/a.jpg: the JPEG is truncated" in str(notes["a.jpg"])
    assert f"{source}/tops/c.jpeg: No such file" in str(notes["tops/c.jpeg"])
    assert [name for name, note in notes.items() if note] == ["a.jpg", "tops/c.jpeg"]
    assert set(contents(target)) == {"b.JPG", "tops/d.png", "tops/ærmer/e.webp", "prepared.json"}


def test_a_photo_with_a_wrong_name_is_noted(source: Path, target: Path) -> None:
    (source / "a.jpg").write_bytes(encode(0, "PNG", (20, 20)))
    outcome = next(Preparation(source, target, SETTINGS).run(0))
    assert outcome.action == "encoded"
    assert outcome.note == f"{source}/a.jpg holds png; its copy is jpeg"
    with Image.open(target / "a.jpg") as copy:
        assert (copy.format, copy.size) == ("JPEG", (20, 20))


def test_folders_that_are_not_apart(source: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(source / "tops")
    for target in (source, source / "new", source / "tops" / "..", tmp_path, link, link / "new"):
        with pytest.raises(ConfigError, match="are not apart"):
            Preparation(source, target, SETTINGS)
    assert not (source / "new").exists()


def test_a_link_from_the_source_into_the_target(source: Path, target: Path) -> None:
    prepare(source, target)
    (source / "copies").symlink_to(target)
    with pytest.raises(ConfigError, match="are not apart"):
        Preparation(source, target, SETTINGS)


def test_other_formats_become_png_only_where_they_shrink(source: Path, target: Path) -> None:
    for name, size in (("large.gif", (96, 64)), ("small.gif", (20, 20)), ("tops/x.jp2", (96, 64))):
        kind = "GIF" if name.endswith("gif") else "JPEG2000"
        (source / name).write_bytes(encode(1, kind, size))
    done = prepare(source, target)
    assert {done["large.gif"], done["tops/x.jp2"]} == {"resized"}
    assert done["small.gif"] == "copied"
    assert (target / "small.gif").read_bytes() == (source / "small.gif").read_bytes()
    for name in ("large.gif", "tops/x.jp2"):
        with Image.open(target / name) as copy:
            assert (copy.format, copy.size) == ("PNG", (32, 48))
    assert prepare(source, target) == dict.fromkeys(done, "kept")


def test_a_target_with_other_things_is_left_alone(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    before = {file: file.read_bytes() for file in target.rglob("*.*") if file.is_file()}
    with pytest.raises(ConfigError, match="did not write"):
        Preparation(source, target, SETTINGS)
    assert {file: file.read_bytes() for file in target.rglob("*.*") if file.is_file()} == before


def test_a_source_without_images(target: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"none.*SOURCE"):
        Preparation(tmp_path / "none", target, SETTINGS)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="holds no image"):
        Preparation(tmp_path / "empty", target, SETTINGS)
    assert not target.exists()


@pytest.mark.parametrize("workers", [0, 2])
def test_copies_that_cannot_be_written(source: Path, target: Path, workers: int) -> None:
    target.touch()
    with pytest.raises(ConfigError, match=r"cannot write .*target"):
        Preparation(source, target, SETTINGS)
    target.unlink()
    prepare(source, target)
    shutil.rmtree(target / "tops")
    (target / "tops").touch()
    with pytest.raises(ConfigError, match=r"cannot write .*tops/c\.jpeg: .* run the command again"):
        prepare(source, target, workers=workers)


def test_a_prepared_folder_is_known_from_within(source: Path, target: Path) -> None:
    prepare(source, target)
    (target.parent / "link").symlink_to(target / "tops")
    for folder in (target, target / "tops" / "ærmer", target.parent / "link"):
        assert is_prepared(folder)
    assert not is_prepared(source)
    assert not is_prepared(target.parent)
