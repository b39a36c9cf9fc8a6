"""What a result was made with: versions, device and commit, for those who doubt it or repeat it."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import m3net

_LIBRARIES = ("torch", "torchvision", "lightning", "timm", "albumentations", "numpy")


def origin(device: torch.device) -> dict[str, Any]:
    """Return versions, the device's name and the commit of the code.

    Args:
        device: What a training ran on.

    Returns:
        "commit", None outside of a checkout, with "+" behind it where files differ from it;
        "device", "versions".
    """
    cuda = device.type == "cuda"
    versions = {"python": platform.python_version(), "m3net": m3net.__version__}
    return {
        "commit": commit_of(Path(m3net.__file__).parent),
        "device": torch.cuda.get_device_name(device) if cuda else f"CPU, {platform.machine()}",
        "versions": versions | {name: version(name) for name in _LIBRARIES},
    }


def commit_of(package: Path) -> str | None:
    """Return the commit that a package was checked out from, with "+" if files differ.

    Args:
        package: Its folder. A repository that merely surrounds it, as the user's own, is not meant.
    """

    def ask(*words: str) -> list[str]:
        words = ("git", "-C", str(package), *words)
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    try:
        [top, commit] = ask("rev-parse", "--show-toplevel", "HEAD")
        if package.resolve().parents[1] != Path(top).resolve():
            return None
        changed = ask("status", "--porcelain", "--untracked-files=no", "--", str(package))
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}+" if changed else commit
