"""An installation that would fail in words nobody understands is refused in words one does."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from m3net.base.environment import check_installation, fast_imports


def test_this_installation_is_good() -> None:
    check_installation()


def test_a_torchvision_of_another_build_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "torchvision"
    broken.mkdir()
    error = "raise RuntimeError('operator torchvision::nms\\ndoes not exist')"
    (broken / "__init__.py").write_text(error, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "m3net", "fit", "--help"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    [sentence] = done.stderr.splitlines()
    assert sentence.startswith("m3net: torch ")
    assert "pip install torch torchvision" in sentence


def test_garbage_is_looked_for_again_whatever_becomes_of_the_imports(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "torch")
    states = []

    def fail() -> None:
        with fast_imports():
            states.append(gc.isenabled())
            raise ImportError

    with pytest.raises(ImportError):
        fail()
    assert [*states, gc.isenabled()] == [False, True]


def test_warnings_and_tracebacks_show_names_and_no_terminal_obeys_them() -> None:
    code = (
        "import warnings; from m3net.base import environment; "
        "environment.escape_warnings_and_tracebacks(); "
        "import lightning; name = chr(27) + ']0;title' + chr(7) + chr(0x202e); "
        "warnings.warn(name); raise ValueError(name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    text = done.stderr.decode()
    assert text.count(r"\x1b]0;title\x07\u202e") == 2
    assert "Traceback" in text
    assert not {"\x1b", "\x07", "\u202e"} & {*text}


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_a_command_with_closed_streams_ends_as_with_open_ones(closed: str) -> None:
    words = [sys.executable, "-m", "m3net", "nonsense"]
    done = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", *words])
    assert done.returncode == 2


def test_files_do_not_take_the_place_of_closed_streams(tmp_path: Path) -> None:
    code = (
        "import os, sys; from m3net.base.environment import open_missing_streams as f; f(); "
        "file = open(sys.argv[1], 'w'); os.write(1, b'said'); os.write(2, b'said'); "
        "print('said'); print('said', file=sys.stderr); sys.exit(file.fileno() < 3)"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "file")]
    done = subprocess.run(["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *words])
    assert done.returncode == 0
    assert (tmp_path / "file").read_text() == ""
