"""A checkpoint is found in a run folder, or refused in words; code in it is never run."""

import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from m3net.boundary.typed import to_named
from m3net.errors import CheckpointError
from m3net.experiments.run import Run, find_checkpoint
from m3net.models import M3NetConfig
from m3net.models.restoring import load_checkpoint
from m3net.workflows.cli.run_settings import evaluation_defaults
from tests.support.checkpoint_files import contents


def write(file: Path, content: bytes = b"") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def test_the_best_checkpoint_of_a_run_is_found(tmp_path: Path) -> None:
    last = write(tmp_path / "checkpoints" / "last.ckpt")
    assert find_checkpoint(tmp_path) == last
    best = write(tmp_path / "checkpoints" / "best.ckpt")
    assert find_checkpoint(tmp_path) == best
    assert find_checkpoint(tmp_path, ("last", "best")) == last
    assert find_checkpoint(last) == last


@pytest.mark.parametrize("place", ["", "checkpoints", "none", "none/best.ckpt"])
def test_a_place_without_a_checkpoint_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(CheckpointError) as caught:
        find_checkpoint(tmp_path / place)
    assert str(tmp_path / place) in str(caught.value)


def test_a_checkpoint_knows_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = write(tmp_path / "0" / "checkpoints" / "best.ckpt")
    assert Run.of_checkpoint(inside) is None, "without config.yaml it is no run"
    write(tmp_path / "0" / "config.yaml")
    assert Run.of_checkpoint(inside) == Run(tmp_path / "0")
    assert Run.of_checkpoint(write(tmp_path / "0" / "copies" / "best.ckpt")) is None
    assert Run.of_checkpoint(write(tmp_path / "0" / "best.ckpt")) is None
    monkeypatch.chdir(tmp_path / "0" / "checkpoints")
    assert Run.of_checkpoint(Path("best.ckpt")) == Run(tmp_path / "0")


def test_classes_and_protocol_of_a_training_bind_no_evaluation() -> None:
    network = to_named(M3NetConfig(class_dim=4))
    about = {"labels": {}, "protocol": "multi", "ranking": "duet", "network": network}
    defaults = evaluation_defaults("test", {"hyper_parameters": about}, run=None)
    assert defaults["model"].keys() == {"ranking", "network"}


@pytest.mark.parametrize(
    "content",
    [b"", b"epoch,step\n0,1\n", b"PK\x03\x04 half an archive", pickle.dumps(1), b"\x80\x02}q\x00."],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    file = write(tmp_path / "a.ckpt", content)
    with pytest.raises(CheckpointError, match=r"a\.ckpt") as caught:
        load_checkpoint(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [[1], torch.zeros(2), {}, {"state_dict": {}}]
    + [{"hyper_parameters": about} for about in ({"lr": 1}, None, 3)],
)
def test_a_checkpoint_of_another_program_is_refused(tmp_path: Path, given: object) -> None:
    file = tmp_path / "a.ckpt"
    torch.save(given, file)
    with pytest.raises(CheckpointError, match="is not a checkpoint of m3net"):
        load_checkpoint(file)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.ckpt"
    torch.save(contents(), whole)
    assert load_checkpoint(whole)["hyper_parameters"] == contents()["hyper_parameters"]
    content = whole.read_bytes()
    for share in (0.1, 0.5, 0.99):
        part = write(tmp_path / "part.ckpt", content[: int(share * len(content))])
        with pytest.raises(CheckpointError, match=r"part\.ckpt cannot be read"):
            load_checkpoint(part)


@pytest.mark.parametrize("save", [torch.save, lambda value, file: write(file, pickle.dumps(value))])
def test_code_in_a_file_is_not_run(tmp_path: Path, save: Callable[[Any, Path], object]) -> None:
    proof = tmp_path / "proof"

    class Payload:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
            return exec, (f"open({str(proof)!r}, 'w')",)

    file = tmp_path / "a.ckpt"
    save({"hyper_parameters": {"labels": Payload()}}, file)
    with pytest.raises(CheckpointError, match=r"a\.ckpt cannot be read .* never run"):
        load_checkpoint(file)
    assert not proof.exists()
    # The trap works: whoever trusts the file falls into it.
    with suppress(RuntimeError):
        torch.load(file, weights_only=False)
    assert proof.exists()
