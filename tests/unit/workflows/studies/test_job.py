"""The record of a finished job: read as it was written, or refused with file and remedy."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from m3net.errors import CheckpointError
from m3net.workflows.studies.job import Job, write_record
from m3net.workflows.studies.runner import Runner

JOB = Job("a-seed0", ("train", "--x=1"), {"model": {"lr": 0.1}}, ("config.yaml", "test/scores.csv"))


@pytest.fixture
def done(tmp_path: Path) -> Path:
    """The record of a finished job, with its run folder."""
    run = tmp_path / "runs" / "a-seed0" / "0"
    (run / "test").mkdir(parents=True)
    for name in JOB.files:
        (run / name).touch()
    file = tmp_path / "records" / "a-seed0.json"
    write_record(file, JOB, "runs/a-seed0/0")
    return file


@pytest.mark.usefixtures("done")
def test_a_finished_job_is_found(tmp_path: Path) -> None:
    assert Runner(tmp_path).find(JOB) == tmp_path / "runs" / "a-seed0" / "0"


def test_a_name_may_lie_in_a_folder(tmp_path: Path) -> None:
    job = replace(JOB, name="asen/v1.5-seed0", files=())
    write_record(tmp_path / "records" / f"{job.name}.json", job, f"runs/{job.name}/0")
    assert Runner(tmp_path).find(job) == tmp_path / "runs" / job.name / "0"


@pytest.mark.parametrize("content", [b"", b'{"run": "runs/a-s', b"\xff", b"[1]", b"3", b"[" * 9000])
def test_a_damaged_record_is_named_with_the_remedy(
    done: Path, tmp_path: Path, content: bytes
) -> None:
    done.write_bytes(content)
    with pytest.raises(CheckpointError) as refused:
        Runner(tmp_path).find(JOB)
    assert str(refused.value).startswith(f"{done} is not the record of a training (")
    assert str(refused.value).endswith("restore it, or delete it to train again.")


@pytest.mark.parametrize(
    "changes",
    [
        {"run": 3},
        {"run": None},
        {"run": "runs/b-seed0/0"},
        {"run": "../../elsewhere/0"},
        {"run": "runs/a-seed0/.."},
        {"files": "config.yaml"},
        {"files": ["config.yaml", 1]},
        {"files": None},
        {"settings": []},
        {"settings": None},
        {"command": 1},
        {"spare": 1},
    ],
)
def test_values_of_another_type_are_refused(
    done: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    plain = json.loads(done.read_text(encoding="utf-8"))
    done.write_text(json.dumps(plain | changes), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"a-seed0\.json is not the record of a training"):
        Runner(tmp_path).find(JOB)


@pytest.mark.parametrize("key", ["command", "run", "files", "settings"])
def test_a_missing_value_is_refused(done: Path, tmp_path: Path, key: str) -> None:
    plain = json.loads(done.read_text(encoding="utf-8"))
    del plain[key]
    done.write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"a-seed0\.json is not the record of a training"):
        Runner(tmp_path).find(JOB)


@pytest.mark.parametrize(
    "files", [[], ["config.yaml"], ["config.yaml", "lost"], ["config.yaml", 300 * "x"]]
)
def test_a_job_without_all_of_its_files_is_unfinished(
    done: Path, tmp_path: Path, files: list[str]
) -> None:
    plain = json.loads(done.read_text(encoding="utf-8"))
    done.write_text(json.dumps(plain | {"files": files}), encoding="utf-8")
    assert Runner(tmp_path).find(JOB) is None
