"""Files that would run code, paths that leave the data, and what is fetched without being asked."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from tests.support.commands import Command, Refusal

TRUSTING = {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}
"""By this variable torch, and Lightning with it, loads pickles again."""
GUARD = """
import json, os, socket, sys

notes = os.environ["M3NET_TEST_NOTES"]

class Reached(BaseException):
    "After this nobody tries again, as libraries do for a minute where a connection fails."

def guard(event, given):
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"):
        if event == "socket.getaddrinfo" or given[0].family in (socket.AF_INET, socket.AF_INET6):
            with open(notes, "a") as file:
                file.write(f"{event} {given[1:]}\\n")
            raise Reached

sys.addaudithook(guard)

from m3net.__main__ import main

def run(words):
    try:
        return main(words)
    except Reached:
        return "reached"

print(json.dumps([(run(words), os.path.exists(notes)) for words in json.loads(sys.argv[1])]))
"""
"""Runs commands one after the other; gives exit codes, and whether anybody was noted by then."""


class Payload:
    """Makes a file where it is unpickled."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        return exec, (f"open({str(self.proof)!r}, 'w')",)


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    """What must not come into being."""
    return tmp_path / "proof"


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that lets torch load pickles."""
    for name, value in TRUSTING.items():
        monkeypatch.setenv(name, value)


@pytest.mark.promise("checkpoint-code")
@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("command", ["fit", "train", "validate", "test", "predict"])
def test_a_checkpoint_that_holds_code_is_refused(
    m3net: Command,
    refusal: Refusal,
    trained: Path,
    settings: Path,
    tmp_path: Path,
    proof: Path,
    command: str,
) -> None:
    """In all else it is a checkpoint of this package."""
    contents = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    shutil.copy(trained / "config.yaml", run)
    torch.save(contents | {"more": Payload(proof)}, run / "checkpoints" / "best.ckpt")
    words: list[object] = ["--ckpt_path", run, "--runs", tmp_path / "runs"]
    words += ["--config", settings] if command in ("fit", "train") else []
    words += ["--weights_only=false"] if command == "fit" else []
    words += ["--data.images", tmp_path] if command == "predict" else []
    sentence = refusal(m3net(command, *words))
    assert str(run / "checkpoints" / "best.ckpt") in sentence
    assert "holds code, which is never run" in sentence
    assert not proof.exists()
    # The trap works: whoever trusts the file falls into it.
    torch.load(run / "checkpoints" / "best.ckpt", weights_only=False)
    assert proof.exists()


@pytest.mark.promise("weights-code")
@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("backbone", ["resnet10t", "vit_tiny_patch16_224"])
@pytest.mark.parametrize("suffix", [".pth", ".npz", ".npy"])
def test_weights_that_hold_code_are_refused(
    m3net: Command, settings: Path, tmp_path: Path, proof: Path, suffix: str, backbone: str
) -> None:
    file = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"conv1.weight": Payload(proof)}, file)
    else:
        save: Any = np.savez if suffix == ".npz" else np.save
        save(file, np.array([Payload(proof)], dtype=object))
    flags = ("--model.network.pretrained=true", "--model.network.weights_file", file)
    size = (f"--model.network.backbone={backbone}", "--data.loading.image_size=32")
    done = m3net("fit", "--config", settings, "--runs", tmp_path / "runs", *flags, *size)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert str(file) in done.stderr.splitlines()[-1]
    assert not proof.exists()


@pytest.mark.promise("run-types")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: "[1, 2",
        lambda _: "just text",
        lambda plain: yaml.safe_dump({**plain, "trainer": None}),
        lambda plain: yaml.safe_dump({"data": plain["data"]}),
        lambda _: "trainer: !!python/object/apply:os.system ['touch proof']\n",
    ],
)
def test_a_config_that_is_none_is_named(
    m3net: Command, refusal: Refusal, own_run: Path, spoil: Callable[[Any], str]
) -> None:
    file = own_run / "config.yaml"
    text = spoil(yaml.safe_load(file.read_text(encoding="utf-8")))
    file.unlink()
    file.write_text(text, encoding="utf-8")
    sentence = refusal(m3net("test", "--ckpt_path", own_run))
    assert f"{file} is not the config.yaml of a run" in sentence


@pytest.mark.promise("run-classes")
@pytest.mark.parametrize("class_path", ["subprocess.Popen", "lightning.pytorch.Trainer"])
def test_a_config_names_data_and_nothing_else(
    m3net: Command, own_run: Path, class_path: str, proof: Path
) -> None:
    file = own_run / "config.yaml"
    plain = yaml.safe_load(file.read_text(encoding="utf-8"))
    plain["data"] = {"class_path": class_path, "init_args": {"args": ["touch", str(proof)]}}
    file.unlink()
    file.write_text(yaml.safe_dump(plain), encoding="utf-8")
    done = m3net("test", "--ckpt_path", own_run)
    assert done.returncode == 2
    assert f"names {class_path!r} as data, which is not one of m3net's classes" in done.stderr
    assert not proof.exists()


@pytest.mark.promise("catalogue-paths")
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize(
    "path", ["../a.png", "images/../../a.png", "/etc/hosts", "C:\\a.png", "..\\a.png", "a.png\0"]
)
def test_paths_of_a_catalogue_stay_below_its_root(
    m3net: Command, refusal: Refusal, catalogue: Path, tmp_path: Path, path: str, suffix: str
) -> None:
    table = pd.read_csv(catalogue, dtype=str)
    table.loc[3, "image"] = path
    file = tmp_path / f"shop{suffix}"
    if suffix == ".csv":
        table.to_csv(file, index=False)
    else:
        table.to_parquet(file, index=False)
    root = ("--root", catalogue.parent)
    sentence = refusal(m3net("data", "stats", "catalogue", "--file", file, *root))
    assert f"{file}, row 5: column 'image' holds {path!r}: outside the image root" in sentence


@pytest.mark.promise("connections")
def test_nothing_is_fetched_unless_it_is_asked_for(
    settings: Path, catalogue: Path, tmp_path: Path
) -> None:
    """Whoever opens a connection, or asks for an address, is noted and stopped."""
    notes, runs = tmp_path / "notes.txt", tmp_path / "runs"
    run = runs / "shop" / "0"
    train = ["--config", settings, "--runs", runs]
    commands: list[list[object]] = [
        ["train", *train],
        ["predict", "--ckpt_path", run, "--data.images", catalogue.parent / "images"],
        ["data", "stats", "catalogue", "--file", catalogue],
        # The guard works: weights that are asked for are looked for in the network.
        ["fit", *train, "--model.network.pretrained=true"],
    ]
    own = {"M3NET_TEST_NOTES": str(notes), "HF_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", GUARD, json.dumps(commands, default=str)],
        cwd=tmp_path,
        env=os.environ | own,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == [
        *([0, False], [0, False], [0, False]),
        ["reached", True],
    ], done.stderr
    assert "socket.getaddrinfo" in notes.read_text(encoding="utf-8")
    assert not [*tmp_path.rglob("*wandb*")], "its folders, where a run was started"
