"""The origin of a result: versions, device and commit, for those who doubt it or repeat it."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import m3net

_LIBRARIES = ("torch", "torchvision", "lightning", "timm", "albumentations", "numpy")


def origin(device: torch.device) -> dict[str, Any]:
    """Return "versions", the name of the "device" and the "commit" of the code, see `commit_of`."""
    cuda = device.type == "cuda"
    versions = {"python": platform.python_version(), "m3net": m3net.__version__}
    return {
        "commit": commit_of(Path(m3net.__file__).parent),
        "device": torch.cuda.get_device_name(device) if cuda else f"CPU, {platform.machine()}",
        "versions": versions | {name: version(name) for name in _LIBRARIES},
    }


def commit_of(package: Path) -> str | None:
    """Return the commit of a package's checkout, with "+" if files differ; None without one.

    A repository that merely surrounds the package, such as the user's own, does not count.
    """

    def git(*argv: str) -> list[str]:
        command = ("git", "-C", str(package), *argv)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    try:
        [top, commit] = git("rev-parse", "--show-toplevel", "HEAD")
        if package.resolve().parents[1] != Path(top).resolve():
            return None
        changed = git("status", "--porcelain", "--untracked-files=no", "--", str(package))
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}+" if changed else commit
