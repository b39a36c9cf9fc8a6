"""The last words: what is there, and what to type next."""

import io
import signal
from pathlib import Path

import pytest

from m3net.base.signals import Stopped
from m3net.base.terminal import Terminal
from m3net.reports.farewell import render_farewell, say_stopped


def lines(folder: Path, command: str) -> list[str]:
    out = io.StringIO()
    Terminal(file=out, width=40, soft_wrap=True).print(render_farewell(folder, command))
    return out.getvalue().splitlines()


def test_only_what_is_there_is_named_and_in_full_length(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / "[0]"
    (folder / "test").mkdir(parents=True)
    (folder / "test" / "scores.csv").touch()
    (folder / "config.yaml").touch()
    *said, _ = lines(folder, "train")
    assert [line.split()[-1] for line in said] == [
        str(folder / "config.yaml"),
        str(folder / "test" / "scores.csv"),
    ]


@pytest.mark.parametrize(
    ("command", "following"),
    [("train", "predict"), ("test", "predict"), ("fit", "test"), ("validate", "test")],
)
def test_the_next_command_can_be_typed(tmp_path: Path, command: str, following: str) -> None:
    folder = tmp_path / "my runs" / "0"
    folder.mkdir(parents=True)
    words = lines(folder, command)[-1].split(maxsplit=1)[1]
    assert words.startswith(f"m3net {following} --ckpt_path '{folder}'")


def test_names_of_folders_are_shown_and_not_obeyed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "a\x1b[5m\r[red]\u202e"
    folder.mkdir()
    (folder / "config.yaml").touch()
    shown = r"a\x1b[5m\r[red]\u202e"
    assert all(shown in line for line in lines(folder, "train"))
    assert say_stopped(Stopped(signal.SIGTERM), ["m3net", "fit", "--resume", str(folder)]) == 75
    assert shown in capsys.readouterr().err


def test_after_a_prediction_nothing_is_left_to_do(tmp_path: Path) -> None:
    (tmp_path / "predict").mkdir()
    [line] = lines(tmp_path, "predict")
    assert line.endswith(str(tmp_path / "predict"))


def test_after_an_evaluation_of_vectors_there_is_no_checkpoint_to_name(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "scores.csv").touch()
    [line] = lines(tmp_path, "evaluate")
    assert line.endswith(str(tmp_path / "test" / "scores.csv"))
