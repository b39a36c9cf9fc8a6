"""Places that are lost while a network is trained: photos, the right to write, and room."""

import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from m3net.training.resume import find_start
from tests.campaigns.kills.equality import differences
from tests.support.commands import Command

WORDS = ("--trainer.max_epochs=300", "--model.network.backbone=test_resnet")


def is_allowed_to_mount() -> bool:
    """Whether a process may change mounts that it alone sees."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


MOUNTS = pytest.mark.skipif(
    not is_allowed_to_mount(), reason="needs the right to mount (root, Linux)"
)


def sentence_of(said: str) -> str:
    assert "Traceback" not in said
    [sentence] = [line for line in said.splitlines() if line.startswith("m3net: ")]
    return sentence


def test_photos_that_vanish_are_named_and_the_training_goes_on_when_they_are_back(
    process: Command, settings: Path, catalogue: Path, tmp_path: Path
) -> None:
    shop, run = tmp_path / "shop", tmp_path / "runs" / "shop" / "0"
    shutil.copytree(catalogue.parent, shop)
    own = (f"--data.file={shop / catalogue.name}", "--data.loading.num_workers=1")
    words = ["fit", "--config", str(settings), *WORDS, *own]
    with subprocess.Popen(
        [sys.executable, "-m", "m3net", *words, "--runs", str(tmp_path / "runs")],
        stderr=subprocess.PIPE,
        text=True,
    ) as training:
        while not (run / "checkpoints" / "last.ckpt").exists():
            assert training.poll() is None
            time.sleep(0.01)
        (shop / "images").rename(shop / "away")
        _, said = training.communicate(timeout=120)
    assert training.returncode == 2
    assert "No such file or directory" in sentence_of(said)
    assert str(shop / "images") in sentence_of(said)
    (shop / "away").rename(shop / "images")
    epochs = f"--trainer.max_epochs={epochs_of(run) + 1}"
    done = process("fit", "--resume", run, epochs, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def epochs_of(run: Path) -> int:
    """Count the epochs whose scores a run has written."""
    lines = (run / "metrics.csv").read_text(encoding="utf-8").splitlines()
    place = lines[0].split(",").index("val/map_all")
    return sum(bool(line.split(",")[place]) for line in lines[1:])


@MOUNTS
def test_a_folder_that_turns_read_only_ends_the_training_in_words_and_keeps_its_checkpoint(
    process: Command, settings: Path, tmp_path: Path
) -> None:
    run = tmp_path / "runs" / "shop" / "0"
    folder = shlex.quote(str(run / "checkpoints"))
    words = shlex.join(["fit", "--config", str(settings), *WORDS, "--runs", str(run.parents[1])])
    script = f"""
        {sys.executable} -m m3net {words} & training=$!
        while [ ! -e {folder}/last.ckpt ]; do sleep 0.01; done
        mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}
        wait $training
    """
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", script], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2, done.stderr
    assert "Read-only file system. Make its folder writable" in sentence_of(done.stderr)
    epochs = f"--trainer.max_epochs={epochs_of(run) + 1}"
    gone_on = process("fit", "--resume", run, epochs, cwd=tmp_path)
    assert gone_on.returncode == 0, gone_on.stderr


@MOUNTS
def test_a_full_disk_ends_the_training_in_words_and_keeps_the_checkpoint_before(
    m3net: Command, process: Command, settings: Path, tmp_path: Path
) -> None:
    words = ["fit", "--config", settings, "--trainer.max_epochs=3", WORDS[1]]
    assert m3net(*words, "--runs", tmp_path / "whole").returncode == 0
    whole = tmp_path / "whole" / "shop" / "0"
    size = (whole / "checkpoints" / "last.ckpt").stat().st_size
    disk = tmp_path / "disk"
    disk.mkdir()

    def mount(room: float, *options: str) -> None:
        limit = ",".join([f"size={int(room * size)}", *options])
        subprocess.run(["mount", "-t", "tmpfs", "-o", limit, "tmpfs", disk], check=True)

    # The second epoch's last.ckpt is written while the first one's and best.ckpt are there.
    mount(2.5)
    try:
        done = process(*words, "--runs", disk, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert ".ckpt: No space left on device. Free some space" in sentence_of(done.stderr)
        run = disk / "shop" / "0"
        assert not [*run.rglob(".*.part")]
        start = find_start(run)
        assert start.remark == "", "last.ckpt is whole"
        assert (start.steps * 3, epochs_of(run)) == (find_start(whole).steps, 2)
        mount(5, "remount")
        assert m3net("fit", "--resume", run).returncode == 0
        assert differences(whole, run) == []
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)
