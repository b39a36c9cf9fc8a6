"""The W&B logger by itself: names of attributes are the user's, and hold any sign."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import wandb
from PIL import Image

from m3net.experiments.wandb_logger import RunWandbLogger
from tests.support.wandb_files import WrittenRun


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let wandb read its environment anew, before and after."""
    wandb.teardown()
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path))
    yield
    wandb.teardown()


@pytest.mark.usefixtures("offline")
def test_names_may_hold_any_sign(tmp_path: Path) -> None:
    logger = RunWandbLogger(save_dir=str(tmp_path), tags=["one", "two"])
    names = ["val/map_all/v.neck", "val/map_all/a\\b", "val/map_all/length [cm]", "val/Höhe"]
    starred = "val/map_all/size*"
    for step, value in enumerate((1.0, 3.0, 2.0)):
        logger.log_metrics(dict.fromkeys([*names, starred], value), step=step)
    picture = tmp_path / "length%20%5Bcm%5D.png"
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(picture)
    logger.log_image("test/galleries/length%20%5Bcm%5D", [str(picture)])
    logger.finish()
    # Its own process writes the file, and may be behind.
    wandb.teardown()
    [folder] = (tmp_path / "wandb").glob("offline-run-*")
    run = WrittenRun(folder)
    assert [run.summary[name] for name in names] == [{"max": 3}] * len(names)
    assert run.logged(starred) == [1, 3, 2], "wandb takes it for a pattern; its summary is the last"
    assert run.summary[starred] == 2
    [[place]] = run.logged("test/galleries/length%20%5Bcm%5D/filenames")
    assert (folder / "files" / place).read_bytes() == picture.read_bytes()
