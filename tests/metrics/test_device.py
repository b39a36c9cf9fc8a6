"""The ranking of CUDA devices, on the CPU by Triton's interpreter; and what `rank` refuses."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from m3net.metrics import rank
from tests.metrics.test_fast import draw


def test_the_kernel_agrees_with_the_plain_ranking() -> None:
    pytest.importorskip("triton", reason="comes with PyTorch for CUDA on Linux")
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.metrics.interpreted"],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    lines = [line.rsplit(" ", 1) for line in ended.stdout.splitlines()]
    left = {name: int(count) for name, count in lines}
    assert left["drawn multi"] == left["drawn single"] == left["tied multi"] == 0
    assert left["equal multi"] > 0, "a row whose scores are all equal is left to the plain ranking"


def test_scores_in_tf32_are_refused_where_there_is_no_such_product() -> None:
    images = draw(1, 5, 3)
    with pytest.raises(ValueError, match="needs a CUDA device"):
        rank(images, images, scores="tf32")
