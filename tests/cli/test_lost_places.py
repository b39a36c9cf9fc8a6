"""Places that are lost while a network is trained: the photos, and the right to write."""

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Command = Callable[..., CompletedProcess[str]]

WORDS = ("--trainer.max_epochs=300", "--model.network.backbone=test_resnet")


def is_allowed_to_mount() -> bool:
    """Whether a process may change mounts that it alone sees."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


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


@pytest.mark.skipif(not is_allowed_to_mount(), reason="needs the right to mount (root, Linux)")
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
