"""What stands on a terminal, and in a log, while a network is trained."""

import csv
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pyte
import pytest

from m3net.models.restoring import load_checkpoint
from tests.support.commands import Command

LINES, COLUMNS = 30, 80
SHOWN = "--trainer.enable_progress_bar=true"


def screens(words: list[str], folder: Path) -> Iterator[str]:
    """Run a command on a terminal, and give what stands there after each piece of output."""
    own, others = pty.openpty()
    fcntl.ioctl(others, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    given = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
    environment = given | {"TERM": "xterm"}
    command = [sys.executable, "-m", "m3net", *words]
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=others, stdout=others, stderr=others
    ) as running:
        os.close(others)
        try:
            # Linux ends a terminal that nobody holds any more with an error.
            while True:
                stream.feed(os.read(own, 65536))
                yield "\n".join(line.rstrip() for line in screen.display).strip()
        except OSError:
            os.close(own)
    assert running.returncode == 0


@pytest.fixture(scope="module")
def seen(settings: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """All that stood on the terminal during `m3net train`."""
    folder = tmp_path_factory.mktemp("terminal")
    words = ["train", "--config", str(settings), SHOWN, "--trainer.max_epochs=2"]
    return list(screens([*words, "--model.network.backbone=test_resnet"], folder))


def test_a_terminal_shows_the_bar_and_the_last_validation_in_place(seen: list[str]) -> None:
    during = [
        screen for screen in seen if "validation, epoch" in screen and "testing" not in screen
    ]
    assert any("validation, epoch 1, in percent" in screen for screen in during)
    assert any(re.search(r"^epoch 2/2 .*%", screen, re.MULTILINE) for screen in during)
    assert any(re.search(r"^loss \d\.\d{3}, \d+ images/s, val MAP@all", s, re.M) for s in during)
    assert all(screen.count("validation, epoch") == 1 for screen in during)


def test_what_stays_fits_one_screen(seen: list[str]) -> None:
    last = seen[-1].splitlines()
    assert len(last) < LINES - 1, "nothing has scrolled by"
    assert re.fullmatch(r"\d+ steps in \d\.\d min, val MAP@all \d+\.\d\d \(best.*\)", last[0])
    assert last[1].startswith("test, protocol single")
    assert "validation, epoch" not in seen[-1]
    assert "%" not in seen[-1]


def test_a_log_has_one_line_for_each_validation(
    m3net: Command, settings: Path, tmp_path: Path
) -> None:
    words = ("--model.network.backbone=test_resnet", "--trainer.max_epochs=2", SHOWN)
    done = m3net("fit", "--config", settings, "--runs", tmp_path, *words)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "shop" / "0" / "metrics.csv").open(encoding="utf-8") as file:
        validated = [row for row in csv.DictReader(file) if row["val/map_all"]]
    scores = [float(row["val/map_all"]) for row in validated]
    ends = [int(row["step"]) + 1 for row in validated]
    form = r"epoch (\d)/2, step (\d+), loss [\d.]+, \d+ images/s, val MAP@all ([\d.]+) \(best"
    lines = re.findall(form, done.stdout)
    assert [epoch for epoch, _, _ in lines] == ["1", "2"]
    assert [int(step) for _, step, _ in lines] == ends
    assert [shown for _, _, shown in lines] == [f"{100 * score:.2f}" for score in scores]
    assert not re.search("^epoch .*━", done.stdout, re.MULTILINE), "no bar"


def test_a_training_goes_on_where_nobody_reads_it_any_more(settings: Path, tmp_path: Path) -> None:
    """Ctrl-C ends `tee` at once, and a training when it has saved."""
    words = ["fit", "--config", str(settings), SHOWN, "--trainer.max_epochs=300"]
    words += ["--model.network.backbone=test_resnet", "--runs", str(tmp_path)]
    last = tmp_path / "shop" / "0" / "checkpoints" / "last.ckpt"
    with subprocess.Popen(
        [sys.executable, "-m", "m3net", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as training:
        assert training.stdout is not None
        assert training.stdout.readline().startswith(b"epoch 1/300")
        training.stdout.close()
        while not last.exists() or load_checkpoint(last)["epoch"] < 2:
            assert training.poll() is None
            time.sleep(0.05)
        training.send_signal(signal.SIGINT)
        assert training.wait(timeout=60) == 130
