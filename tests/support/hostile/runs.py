"""Run folders that were made to harm whoever evaluates or resumes them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml

Spoil = Callable[[Any], None]


def copy_run(trained: Path, folder: Path) -> Path:
    """Copy a run whose training has not ended yet."""
    shutil.copytree(trained, folder, symlinks=True)
    for name in ("finished.json", ".lock"):
        (folder / name).unlink()
    return folder


def spoil_checkpoints(run: Path, spoil: Spoil) -> Path:
    """Change the contents of all checkpoints."""
    for file in (run / "checkpoints").glob("*.ckpt"):
        contents = torch.load(file, weights_only=True)
        spoil(contents)
        torch.save(contents, file)
    return run


def spoil_config(run: Path, spoil: Spoil) -> Path:
    """Change the settings."""
    file = run / "config.yaml"
    settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    spoil(settings)
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return run


def put(path: str, value: object) -> Spoil:
    """Give a change that puts a value into nested mappings.

    Args:
        path: Keys with dots between.
        value: What to put there.
    """

    def spoil(contents: Any) -> None:  # noqa: ANN401 - nested plain values
        *parents, last = path.split(".")
        for key in parents:
            contents = contents[key]
        contents[last] = value

    return spoil


def shell(proof: Path) -> dict[str, Any]:
    """What jsonargparse would build into a process that makes a file."""
    return {
        "class_path": "subprocess.Popen",
        "init_args": {"args": f"touch {proof}", "shell": True},
    }
