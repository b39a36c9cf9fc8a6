"""The ranking on CUDA devices, on the CPU in Triton's interpreter; and what `rank` refuses."""

import os
import subprocess
import sys
from dataclasses import replace
from math import inf, nan

import pytest
import torch

from m3net.errors import M3NetError
from m3net.metrics import QueryResults, rank
from m3net.metrics.query_results import Criteria
from m3net.metrics.ranking import gpu
from m3net.metrics.ranking.gpu import GpuRanking, is_available
from m3net.metrics.ranking.gpu_labels import prepare
from m3net.metrics.ranking.reference import rank_by_definition
from tests.support.commands import ROOT
from tests.unit.metrics.interpreted import HARD, moved
from tests.unit.metrics.ranking.test_cpu import draw, values

CUDA = torch.device("cuda")
# By design: equal scores, or nearly equal ones, all in a bin.
LEFT = {"equal single", "equal multi", "far single", "far multi"} | {
    "hard subnormal",
    "hard mixed_scales",
}


def test_the_kernel_agrees_with_the_plain_ranking() -> None:
    pytest.importorskip("triton", reason="needs Triton, which PyTorch brings on Linux")
    interpreted = {} if torch.cuda.is_available() else {"TRITON_INTERPRET": "1"}
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.unit.metrics.interpreted"],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | interpreted,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    lines = [line.rsplit(" ", 1) for line in ended.stdout.splitlines()]
    assert len(lines) == 16 + len(HARD)
    assert {name for name, left in lines if int(left)} == LEFT


@pytest.mark.parametrize("value", [nan, inf, -inf, 1e30])
def test_embeddings_that_cannot_be_scored_are_named_in_order(value: float) -> None:
    fine = draw(1, 5, 3)
    bad = replace(draw(2, 4, 3), index=torch.tensor([8, 4, 6, 2]))
    bad.embeddings[:2, 1] = value
    for queries, gallery, named in ((fine, bad, "4, 8"), (bad, fine, "8, 4"), (bad, bad, "4, 8")):
        with pytest.raises(M3NetError, match=f"images {named} are not finite"):
            prepare(queries, gallery)


class Blocks(GpuRanking):
    """Records the shapes of the blocks instead of running the kernel."""

    def rank(self, block_size: int) -> QueryResults:
        self.shapes: list[tuple[int, ...]] = []
        return super().rank(block_size)

    def _evaluate(self, scores: torch.Tensor, first: int) -> None:
        self.shapes.append((first, *scores.shape))
        self.skewed[:] = 1


def test_no_block_has_more_scores_than_the_kernel_can_tell_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With 8.6 GB of scores, offsets overflow and the kernel writes out of bounds."""
    monkeypatch.setattr(gpu, "_MAX_SCORES", 3 * 64)
    queries, gallery = draw(1, 7, 3), draw(2, 40, 3)
    criteria = Criteria("single", (1,))
    ranking = Blocks(queries, gallery, criteria)
    ours = values(ranking.rank(1000))
    assert ranking.shapes == [(0, 3, 64), (3, 3, 64), (6, 1, 64)]
    theirs = rank_by_definition(queries, gallery, criteria)
    for name, own in values(theirs).items():
        torch.testing.assert_close(ours[name], own, rtol=0, atol=1e-12, msg=name)


def test_scores_in_tf32_are_refused_where_there_is_no_such_product() -> None:
    images = draw(1, 5, 3)
    with pytest.raises(ValueError, match="needs a CUDA device and Triton, not cpu"):
        rank(images, images, scores="tf32")


def test_without_triton_a_cuda_device_sorts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    assert not is_available(CUDA)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("with_triton", [True, False])
def test_rank_on_a_cuda_device_gives_what_the_plain_ranking_gives(
    monkeypatch: pytest.MonkeyPatch, with_triton: bool
) -> None:
    if not with_triton:
        monkeypatch.setitem(sys.modules, "triton", None)
    assert is_available(CUDA) == with_triton
    images = moved(draw(1, 500, 8, step=0.5))
    ours = values(rank(images, images, protocol="multi", cutoffs=(5,), top_k=7, block_size=64))
    ordered = images.select(images.index.argsort())
    theirs = values(rank_by_definition(images, ordered, Criteria("multi", (5,), 7)))
    for name, own in ours.items():
        atol = 1e-12 if own.dtype == torch.float64 else 0
        torch.testing.assert_close(own, theirs[name], rtol=0, atol=atol, msg=name)
