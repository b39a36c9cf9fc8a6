"""Where a training goes on: at the newest whole checkpoint, and what came after it is undone."""

import errno
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from m3net.base.files import replacing, write_text
from m3net.base.lock import Lock
from m3net.errors import CheckpointError, ConfigError, OutputError
from m3net.experiments.checkpoint_io import WholeCheckpointIO
from m3net.experiments.checkpoints import PROGRESS, read_checkpoint
from m3net.experiments.csv_logger import RunCSVLogger, open_rows
from m3net.experiments.run import Run
from m3net.training.resume import (
    Finished,
    Start,
    changes,
    check_unfinished,
    find_start,
    finish,
    latest_run,
    prepare,
)
from tests.support.checkpoint_files import contents

SETTINGS: dict[str, Any] = {
    "model": {"network": {"class_path": "m3net.models.M3NetConfig"}, "optimizer": {"lr": 0.1}},
    "data": {"init_args": {"loading": {"batch_size": 8, "num_workers": 2}}},
    "trainer": {"max_epochs": 3, "max_steps": -1, "max_time": None},
}


def write(run: Path, name: str, step: int, **more: object) -> Path:
    """A checkpoint that only says where it is."""
    file = run / "checkpoints" / f"{name}.ckpt"
    known = contents(step, **{PROGRESS: {"batches": 0}})
    WholeCheckpointIO().save_checkpoint(known | more, file)
    return file


def read_rows(file: Path) -> tuple[list[str], list[dict[str, Any]]]:
    with open_rows(file) as (columns, rows):
        return columns, list(rows)


def test_the_last_checkpoint_is_taken_without_a_word(tmp_path: Path) -> None:
    for name, step in (("best", 1), ("previous", 2), ("last", 3)):
        write(tmp_path, name, step)
    start = find_start(tmp_path)
    assert (start.steps, start.remark) == (3, "")


def flip(content: bytes) -> bytes:
    """The same with one bit changed, in what a tensor holds."""
    place = content.index(torch.full((4,), 7.0).numpy().tobytes())
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def encrypt(content: bytes) -> bytes:
    """The same with one bit changed, by which an archive says that it is encrypted."""
    place = content.index(b"PK\1\2") + 8
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("spoil", [lambda content: content[:-50], lambda _: b"", flip, encrypt])
def test_a_damaged_checkpoint_is_passed_over_with_its_reason(
    tmp_path: Path,
    spoil: Any,  # noqa: ANN401 - a lambda
) -> None:
    write(tmp_path, "previous", 2)
    last = write(tmp_path, "last", 3, weights=torch.full((4,), 7.0))
    last.write_bytes(spoil(last.read_bytes()))
    start = find_start(tmp_path)
    assert start.steps == 2
    why = r"previous.ckpt, step 2, since .*last.ckpt cannot be read as a checkpoint \(.+\)"
    assert re.search(why, start.remark)
    (tmp_path / "checkpoints" / "previous.ckpt").unlink()
    with pytest.raises(CheckpointError, match=r"last.ckpt cannot be read .*Set ckpt_path"):
        find_start(tmp_path)


def test_a_missing_last_checkpoint_is_told(tmp_path: Path) -> None:
    write(tmp_path, "best", 2)
    assert find_start(tmp_path).remark.endswith("best.ckpt, step 2, since there is no last.ckpt.")


def test_a_checkpoint_from_within_a_validation_is_not_gone_on_from(tmp_path: Path) -> None:
    file = write(tmp_path, "best", 2)
    contents = torch.load(file)
    del contents[PROGRESS]
    torch.save(contents, file)
    with pytest.raises(CheckpointError, match="not saved where a training can resume"):
        find_start(tmp_path)


def test_what_was_written_after_the_checkpoint_is_undone(tmp_path: Path) -> None:
    logger = RunCSVLogger(str(tmp_path))
    for step in range(5):
        logger.log_metrics({"loss": torch.tensor(step / 2)}, step)
    logger.save()
    logger.log_metrics({"loss": 9.0, "another": 1.0}, 5)
    logger.save()
    for name in ("checkpoints/.last.ckpt.part", ".metrics.json.part", "finished.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("half")
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write("7,0.1")
    prepare(tmp_path, Start(None, {"global_step": 3}))
    columns, rows = read_rows(tmp_path / "metrics.csv")
    assert columns == ["another", "loss", "step"]
    assert [row["loss"] for row in rows] == ["0.0", "0.5", "1.0"]
    assert [row["step"] for row in rows] == ["0", "1", "2"]
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["metrics.csv"]
    going_on = RunCSVLogger(str(tmp_path))
    going_on.log_metrics({"loss": 4.0}, 3)
    going_on.finalize("success")
    assert [row["step"] for row in read_rows(tmp_path / "metrics.csv")[1]] == ["0", "1", "2", "3"]


def test_a_finished_run_says_so_unless_it_is_to_be_longer(tmp_path: Path) -> None:
    finish(tmp_path, "train", SETTINGS, 12)
    for command in ("fit", "train"):
        with pytest.raises(Finished, match="is finished, 12 steps"):
            check_unfinished(tmp_path, command, SETTINGS)
    longer = SETTINGS | {"trainer": SETTINGS["trainer"] | {"max_epochs": 4}}
    check_unfinished(tmp_path, "train", longer)
    finish(tmp_path, "fit", SETTINGS, 12)
    check_unfinished(tmp_path, "train", SETTINGS)


def test_auto_means_the_latest_run_that_began_and_did_not_end(tmp_path: Path) -> None:
    assert latest_run(tmp_path, "a") is None
    for number in (2, 10):
        (tmp_path / "a" / str(number)).mkdir(parents=True)
    assert latest_run(tmp_path, "a") is None
    (tmp_path / "a" / "10" / "config.yaml").touch()
    assert latest_run(tmp_path, "a") == tmp_path / "a" / "10"
    (tmp_path / "a" / "10" / "finished.json").touch()
    assert latest_run(tmp_path, "a") is None


def with_value(path: str, value: object) -> dict[str, Any]:
    """The settings with another value."""
    settings: dict[str, Any] = json.loads(json.dumps(SETTINGS))
    *parents, name = path.split(".")
    own = settings
    for parent in parents:
        own = own[parent]
    own[name] = value
    return settings


def test_other_settings_are_told_or_refused_or_free() -> None:
    boundary, within = (
        Start(Path("last.ckpt"), {"global_step": 3, PROGRESS: {"batches": n}}) for n in (0, 2)
    )
    assert changes(SETTINGS, with_value("data.init_args.loading.num_workers", 0), within) == []
    told = changes(SETTINGS, with_value("model.optimizer.lr", 0.2), within)
    assert told == ["model.optimizer.lr was 0.1 and is 0.2"]
    batches = with_value("data.init_args.loading.batch_size", 4)
    assert changes(SETTINGS, batches, boundary) == [
        "data.init_args.loading.batch_size was 8 and is 4"
    ]
    with pytest.raises(ConfigError, match="batch_size was 8 and is 4"):
        changes(SETTINGS, batches, within)
    with pytest.raises(ConfigError, match=r'class_path was "\S*M3NetConfig" and is "asen"'):
        changes(SETTINGS, with_value("model.network.class_path", "asen"), boundary)


def test_a_moved_run_keeps_its_best_checkpoints(tmp_path: Path) -> None:
    old, new = "/old/checkpoints", str((tmp_path / "checkpoints").resolve())
    state = {
        "dirpath": old,
        "best_k_models": {f"{old}/best.ckpt": 1.0},
        "best_model_path": f"{old}/best.ckpt",
        "kth_best_model_path": f"{old}/best.ckpt",
        "last_model_path": "",
    }
    file = write(tmp_path, "last", 3, callbacks={"keeper": state, "other": {"a": 1}})
    found = read_checkpoint(file)["callbacks"]
    assert found["other"] == {"a": 1}
    assert found["keeper"] == {
        "dirpath": new,
        "best_k_models": {f"{new}/best.ckpt": 1.0},
        "best_model_path": f"{new}/best.ckpt",
        "kth_best_model_path": f"{new}/best.ckpt",
        "last_model_path": "",
    }


def test_a_run_is_kept_to_one_process(tmp_path: Path) -> None:
    code = "import sys; from m3net.base.lock import Lock, Path; Lock(Path(sys.argv[1]))"
    file = Run(tmp_path).lock
    lock = Lock(file)
    words = [sys.executable, "-c", code, str(file)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert "ConfigError: another process trains in" in done.stderr
    del lock
    assert subprocess.run(words).returncode == 0


def test_a_file_is_replaced_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    write_text(file, "old")

    def fail() -> None:
        with replacing(file) as part:
            part.write_text("half")
            assert file.read_text() == "old"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert file.read_text() == "old"


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes, as on a full disk."""
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, unlimited[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)


def test_a_full_disk_is_told_in_words(tmp_path: Path) -> None:
    logger = RunCSVLogger(str(tmp_path))
    logger.log_metrics({"loss": 1.0}, 0)
    with (
        room_for(2),
        pytest.raises(
            OutputError, match=r"cannot write .*metrics.csv: File too large.*before is intact"
        ),
    ):
        logger.save()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.txt", ".a.txt.part"])
def test_links_are_replaced_and_never_followed(tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere.txt"
    elsewhere.write_text("kept")
    (tmp_path / name).symlink_to(elsewhere)
    write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert elsewhere.read_text() == "kept"


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_rows_are_added_to_a_file_that_has_no_other_name(
    tmp_path: Path, link: Callable[[Path, Path], None]
) -> None:
    elsewhere = tmp_path / "elsewhere.csv"
    elsewhere.write_text("loss,step\n0.25,0\n")
    link(tmp_path / "metrics.csv", elsewhere)
    logger = RunCSVLogger(str(tmp_path))
    logger.log_metrics({"loss": 0.5}, 1)
    logger.save()
    assert [row["loss"] for row in read_rows(tmp_path / "metrics.csv")[1]] == ["0.25", "0.5"]
    assert elsewhere.read_text() == "loss,step\n0.25,0\n"


def test_rows_for_which_there_is_no_room_leave_nothing_behind(tmp_path: Path) -> None:
    logger = RunCSVLogger(str(tmp_path))
    logger.log_metrics({"loss": 0.25}, 0)
    logger.save()
    before = (tmp_path / "metrics.csv").read_bytes()
    logger.log_metrics({"loss": 0.5}, 1)
    with (
        room_for(len(before) + 2),
        pytest.raises(OutputError, match=r"metrics.csv: File too large. Free some space"),
    ):
        logger.save()
    assert (tmp_path / "metrics.csv").read_bytes() == before
    logger.save()
    assert [row["loss"] for row in read_rows(tmp_path / "metrics.csv")[1]] == ["0.25", "0.5"]


def test_a_folder_that_must_not_be_written_to_is_told_in_words() -> None:
    with pytest.raises(OutputError, match=r"Make its folder writable, or set runs to another"):
        write_text(Path("/proc/self/attr/../a.txt"), "text")
    said = str(OutputError.at("a.ckpt", OSError(errno.EROFS, os.strerror(errno.EROFS))))
    assert said.startswith("cannot write a.ckpt: Read-only file system. Make its folder writable")


@pytest.mark.parametrize("quota", [errno.EDQUOT, errno.EFBIG])
def test_a_limit_of_space_or_of_the_size_of_files_is_told_as_a_full_disk_is(quota: int) -> None:
    said = str(OutputError.at("a.ckpt", OSError(quota, os.strerror(quota))))
    assert said.startswith(f"cannot write a.ckpt: {os.strerror(quota)}. Free some space")
