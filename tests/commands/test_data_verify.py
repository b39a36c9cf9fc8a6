"""`m3net data verify` reports everything at once, and says so by its exit code."""

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.support.commands import Command
from tests.support.fake import darn
from tests.support.fake.darn import Photo


@pytest.fixture
def photos(tmp_path: Path) -> dict[str, list[Photo]]:
    return darn.write_index(tmp_path / "darn")


@pytest.fixture
def verify(m3net: Command, tmp_path: Path, photos: dict[str, list[Photo]]) -> Command:
    """Give a function that verifies the data set of a temporary folder."""
    assert photos

    def run(*words: object) -> CompletedProcess[str]:
        place = ("--root", tmp_path / "darn", "--out", tmp_path / "out", "--workers", 0)
        return m3net("data", "verify", "darn", *place, "--published", "false", *words)

    return run


def report(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp_path / "out" / "verify.json").read_text())
    return found


def test_a_whole_data_set(verify: Command, tmp_path: Path, photos: dict[str, list[Photo]]) -> None:
    done = verify()
    assert done.returncode == 0, done.stdout
    assert "no problem found" in done.stdout
    state = report(tmp_path)
    assert state["is_good"]
    assert state["images_found"] == sum(map(len, photos.values()))
    assert state["images_unlisted"] == 0
    for split in state["splits"]:
        own = photos[split["name"]]
        assert split["images"] == len(own)
        assert split["labels"] == sum(len(photo.labels) for photo in own)
        assert split["unreadable"] == 0
    assert all(file["size"] for file in state["files"])


def test_all_problems_are_reported_at_once(
    verify: Command, tmp_path: Path, photos: dict[str, list[Photo]]
) -> None:
    root = tmp_path / "darn"
    (root / photos["train"][4].path).unlink()
    (root / photos["val"][7].path).write_bytes(b"")
    (root / photos["test"][9].path).write_bytes(b"<html>not found</html>")
    (root / "pic" / "other.jpg").write_bytes(b"x")
    with (root / "label_train.txt").open("a") as file:
        file.write("999999 0 0\n3 0 0\n")
    with (root / "query_val.txt".replace("val", "valid")).open("a") as file:
        file.write("0 99 0\n")
    (root / "candidate_test.txt").unlink()
    done = verify()
    assert done.returncode == 1
    state = report(tmp_path)
    text = "\n".join([*state["problems"], *state["unreadable"]])
    for words in (
        "label_train.txt, row 91: label '999999 0 0'",
        "label_train.txt, row 92: index 3",
        "query_valid.txt, row",
        "candidate_test.txt",
        f"{photos['train'][4].path} ({root / 'filenames_train.txt'}, row 5): No such file",
        f"{photos['val'][7].path} ({root / 'filenames_valid.txt'}, row 8): the file is empty",
    ):
        assert words in text
    assert "--data." not in text
    assert state["images_unlisted"] >= 1
    missing = [file["path"] for file in state["files"] if file["size"] is None]
    assert missing == [str(root / "candidate_test.txt")]
    for sentence in state["problems"]:
        assert sentence in done.stdout


def test_an_image_of_another_format_is_found(
    verify: Command, tmp_path: Path, photos: dict[str, list[Photo]]
) -> None:
    (tmp_path / "darn" / photos["test"][9].path).write_bytes(b"<html>not found</html>")
    assert verify().returncode == 1
    [sentence] = report(tmp_path)["unreadable"]
    assert "it holds HTML, not JPEG" in sentence


def test_missing_images_are_no_problem_where_they_are_left_out(
    verify: Command, tmp_path: Path, photos: dict[str, list[Photo]]
) -> None:
    for split in ("train", "val"):
        (tmp_path / "darn" / photos[split][5].path).unlink()
    assert verify().returncode == 1
    assert len(report(tmp_path)["unreadable"]) == 2
    done = verify("--missing=drop")
    assert done.returncode == 0, done.stdout
    assert "train: 1 images are missing and left out" in done.stdout
    sizes = {split["name"]: split["images"] for split in report(tmp_path)["splits"]}
    expected = {name: len(own) - (name != "test") for name, own in photos.items()}
    assert sizes == expected


def test_the_same_photo_under_two_names_is_a_note(
    verify: Command, tmp_path: Path, photos: dict[str, list[Photo]]
) -> None:
    first, second = photos["train"][0].path, photos["test"][0].path
    root = tmp_path / "darn"
    (root / second).write_bytes((root / first).read_bytes())
    done = verify()
    assert done.returncode == 0, done.stdout
    [note] = [note for note in report(tmp_path)["notes"] if "the same bytes" in note]
    assert repr(first) in note
    assert repr(second) in note


def test_json_goes_to_standard_output(verify: Command, tmp_path: Path) -> None:
    done = verify("--json")
    assert json.loads(done.stdout) == report(tmp_path)


def test_images_can_be_left_unread(
    verify: Command, tmp_path: Path, photos: dict[str, list[Photo]]
) -> None:
    (tmp_path / "darn" / photos["train"][0].path).write_bytes(b"")
    done = verify("--images=false")
    assert done.returncode == 0
    assert {split["unreadable"] for split in report(tmp_path)["splits"]} == {None}
    assert "not checked" in done.stdout


def test_a_second_check_reads_what_changed(
    verify: Command, tmp_path: Path, photos: dict[str, list[Photo]]
) -> None:
    file = tmp_path / "darn" / photos["val"][2].path
    content = file.read_bytes()
    file.write_bytes(content[:-40])
    assert verify().returncode == 1
    file.write_bytes(content)
    assert verify().returncode == 0
    file.write_bytes(content[:-30])
    assert verify().returncode == 1
    assert verify("--afresh").returncode == 1


def test_nothing_is_where_it_should_be(m3net: Command, tmp_path: Path) -> None:
    for name in ("fashionai", "darn", "deepfashion"):
        out = tmp_path / name
        done = m3net("data", "verify", name, "--root", tmp_path / "none", "--out", out)
        assert done.returncode == 1
        state = json.loads((out / "verify.json").read_text())
        assert not state["is_good"]
        assert state["files"]
        assert all(file["size"] is None for file in state["files"])


def test_a_data_set_that_is_not_known(m3net: Command) -> None:
    done = m3net("data", "verify", "imagenet")
    assert done.returncode == 2
    assert "imagenet" in done.stderr
    assert "deepfashion" in done.stderr


def test_a_command_that_is_not_known(m3net: Command) -> None:
    done = m3net("data", "download")
    assert done.returncode == 2
    assert "'download'" in done.stderr
    assert "verify, stats, prepare" in done.stderr
    assert "verify DATASET" in m3net("data", "--help").stdout


def test_in_a_process_of_its_own(
    process: Command, tmp_path: Path, photos: dict[str, list[Photo]]
) -> None:
    assert photos
    done = process(
        *("data", "verify", "darn", "--root", tmp_path / "darn", "--published", "false"),
        *("--workers", 2),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "data" / "darn" / "verify.json").is_file()
    assert "read test" in done.stderr
