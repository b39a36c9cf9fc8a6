"""An interrupted job resumes if its settings are the same, and starts again if not."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from m3net.errors import CheckpointError
from m3net.training.trainer import best_precision
from m3net.workflows.cli import resolve
from m3net.workflows.studies.job import can_resume

ARGUMENTS = ("fit", "--data=SyntheticDataModule", "--model.optimizer.lr=0.25")


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return resolve(ARGUMENTS)


@pytest.fixture
def run(tmp_path: Path, settings: dict[str, Any]) -> Path:
    """The run folder of a training that a signal stopped."""
    run = tmp_path / "a-seed0" / "0"
    run.mkdir(parents=True)
    own = json.loads(json.dumps(settings)) | {"ckpt_path": None, "experiment": "a-seed0"}
    own["checkpoint"]["dirpath"] = str(run / "checkpoints")
    own["trainer"] |= {"precision": best_precision(), "default_root_dir": str(run)}
    own["trainer"]["logger"] = {"class_path": "RunCSVLogger", "init_args": {"save_dir": str(run)}}
    (run / "config.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
    return run


@pytest.mark.usefixtures("run")
def test_the_same_training_resumes(tmp_path: Path, settings: dict[str, Any]) -> None:
    assert can_resume(tmp_path, "a-seed0", settings)
    assert not can_resume(tmp_path, "a-seed1", settings)


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "word", ["--model.optimizer.lr=0.5", "--trainer.precision=64", "--rankings=[class]"]
)
def test_another_training_does_not(tmp_path: Path, word: str) -> None:
    assert not can_resume(tmp_path, "a-seed0", resolve((*ARGUMENTS, word)))


def test_a_finished_one_does_not(run: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    (run / "finished.json").touch()
    assert not can_resume(tmp_path, "a-seed0", settings)


def test_settings_that_cannot_be_read_are_named(
    run: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    (run / "config.yaml").write_text("[", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"a-seed0/0/config\.yaml is not the config\.yaml"):
        can_resume(tmp_path, "a-seed0", settings)
