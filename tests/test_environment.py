"""An installation that would fail in words nobody understands is refused in words one does."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from m3net.environment import check_installation, fast_imports


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
