"""The page on losses and networks of one's own: its code runs as it stands, outside the package."""

import os
import re
import sys
from pathlib import Path

import pandas as pd

from tests.support.commands import ROOT, Command, Refusal

PAGE = ROOT / "docs" / "extending.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_a_loss_and_a_network_are_one_module_and_one_entry(
    process: Command, refusal: Refusal, settings: Path, tmp_path: Path
) -> None:
    [entry] = blocks("yaml")
    (tmp_path / "my_fashion.py").write_text("\n\n".join(blocks("python")), encoding="utf-8")
    (tmp_path / "spotlight.yaml").write_text(entry, encoding="utf-8")
    own = {"cwd": tmp_path, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    flags = ("--config", settings, "--config", tmp_path / "spotlight.yaml")
    short = ("--report=false", "--model.metrics.top_k=0")
    done = process("train", *flags, *short, "--runs", tmp_path, **own)
    assert done.returncode == 0, done.stderr
    [run] = (tmp_path / "shop").iterdir()
    curves = pd.read_csv(run / "metrics.csv")
    overlaps = curves["train/separate"].dropna()
    # Maps of two attributes sum to 1 over 9 positions: even ones overlap by a ninth.
    assert ((overlaps > 0) & (overlaps < 1)).all()
    assert len(overlaps) > 0

    assert "add a class of your own to trust" in refusal(
        process("test", "--ckpt_path", run, *short, **own)
    )
    names = ("SpotlightConfig", "SeparateAttention")
    trusted = [f"--trust=my_fashion.{name}" for name in names]
    done = process("test", "--ckpt_path", run, *short, *trusted, **own)
    assert done.returncode == 0, done.stderr
    assert (run / "test" / "scores.csv").is_file()
