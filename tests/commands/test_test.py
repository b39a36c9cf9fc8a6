"""`m3net test`: the scores of a run, computed again."""

from pathlib import Path

import pytest

from tests.support.commands import Command


def test_testing_the_run_gives_the_same_scores_to_the_bit(
    m3net: Command, own_run: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    done = m3net("test", "--ckpt_path", own_run)
    assert done.returncode == 0, done.stderr
    for name in ("scores.json", "scores.csv", "gallery.png"):
        assert (own_run / "test" / name).read_bytes() == (trained / "test" / name).read_bytes()
    assert list((tmp_path / "empty").iterdir()) == []
