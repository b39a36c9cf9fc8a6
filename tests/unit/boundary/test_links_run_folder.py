"""What may lie in a run folder that is written to."""

import os
from pathlib import Path

import pytest

from m3net.boundary.links import check_run_folder
from m3net.errors import CheckpointError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    (folder / "wandb" / "run-1").mkdir(parents=True)
    (folder / "config.yaml").write_text("a: 1", encoding="utf-8")
    return folder


@pytest.mark.promise("run-writes")
@pytest.mark.parametrize("target", ["..", "/", "../other", "/etc/hostname", "wandb/../.."])
@pytest.mark.parametrize("name", ["link", "wandb/link", "wandb/run-1/link"])
def test_links_that_lead_out_are_named(run: Path, name: str, target: str) -> None:
    # From its own folder, wherever that lies.
    up = "/".join([".."] * name.count("/"))
    (run / name).symlink_to(target if target.startswith("/") else os.path.join(up, target))
    with pytest.raises(CheckpointError, match=f"{run / name} leads out of the run folder, to /"):
        check_run_folder(run)


def test_links_that_stay_inside_are_let_be(run: Path, tmp_path: Path) -> None:
    (run / "wandb" / "latest-run").symlink_to("run-1")
    (run / "config").symlink_to(run / "config.yaml")
    (run / "loop").symlink_to("loop")
    (tmp_path / "alias").symlink_to(run)
    check_run_folder(tmp_path / "alias")


@pytest.mark.promise("run-bounds")
def test_pipes_are_named(run: Path) -> None:
    os.mkfifo(run / "wandb" / "pipe")
    with pytest.raises(CheckpointError, match=r"wandb/pipe is neither a file nor a folder"):
        check_run_folder(run)
